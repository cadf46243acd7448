import { expect, test } from 'vitest';
import { renderReference } from '../../../src/config/reference.ts';
import { itemSchema, propertiesOf, shapeOf, wholeFile } from '../../../src/config/schema.ts';

test('the reference page says what the schemas say', async () => {
  await expect(renderReference()).toMatchFileSnapshot('../../../config/REFERENCE.md');
});

test('every key has a description', () => {
  const missing: string[] = [];
  const visit = (schema: typeof wholeFile, path: string): void => {
    if (path !== '' && !schema.description) missing.push(path);
    for (const [key, child] of propertiesOf(schema)) visit(child, `${path}.${key}`);
    if (['list', 'map'].includes(shapeOf(schema))) visit(itemSchema(schema), `${path}[]`);
  };
  visit(wholeFile, '');
  expect(missing).toEqual([]);
});
