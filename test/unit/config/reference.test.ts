import { expect, test } from 'vitest';
import { notBuilt } from '../../../src/config/not-built.ts';
import { renderReference } from '../../../src/config/reference.ts';
import {
  type Draft,
  itemSchema,
  propertiesOf,
  shapeOf,
  wholeFile,
} from '../../../src/config/schema.ts';

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

test('the page says of the parts that are not built, and of no others, that they are refused', () => {
  const sections = ['storage.azure', 'storage.gcs', 'proxy'];
  const saying: string[] = [];
  const visit = (schema: typeof wholeFile, path: string): void => {
    if (/not in this version/i.test(schema.description ?? '')) saying.push(path);
    for (const [key, child] of propertiesOf(schema))
      visit(child, path === '' ? key : `${path}.${key}`);
  };
  visit(wholeFile, '');
  expect(saying).toEqual(sections);
  // Each row asks about one of them.
  const used: Draft = {
    storage: { azure: {}, gcs: {} },
    proxy: { remoteurl: 'https://h' },
  } as unknown as Draft;
  const refused = notBuilt.flatMap(({ uses }) => uses(used));
  expect(refused).toEqual(['storage.azure', 'storage.gcs', 'proxy.remoteurl']);
});
