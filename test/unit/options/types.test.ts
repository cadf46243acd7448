/** The schema builders against TypeBox itself, whose types they carry and whose code no process loads. */

import TypeBox from 'typebox';
import { describe, expect, it } from 'vitest';
import { list, mapOf, optional, Type, text } from '../../../src/options/types.ts';

const described = { description: 'What it is for.' };
/** Without marks that cannot be seen, as a schema is printed or sent. */
const plain = (schema: object): unknown => JSON.parse(JSON.stringify(schema));

describe('a schema that is built here is the one that TypeBox builds', () => {
  const one = text({ ...described });
  const two = text({ description: 'Another.', default: 'x' });

  it.each([
    ['with all keys required', { one, two }, {}],
    ['with one that may be absent', { one: optional(one), two }, described],
    ['with none required', { one: optional(one), two: optional(two) }, {}],
    ['with sections in sections', { inner: Type.Object({ one }), two }, described],
    ['without keys', {}, {}],
  ])('a section %s', (_, keys, options) => {
    const theirs = Object.fromEntries(
      Object.entries(keys).map(([key, schema]) => [
        key,
        Object.hasOwn(schema, '~optional') ? TypeBox.Optional({ ...schema }) : schema,
      ]),
    );
    expect(plain(Type.Object(keys, options))).toEqual(plain(TypeBox.Object(theirs, options)));
  });

  it('a list', () => {
    expect(plain(list(one, described))).toEqual(plain({ ...TypeBox.Array(one), ...described }));
  });

  it('a map with free keys', () => {
    const { 'x-values-schema': values, ...schema } = plain(mapOf(one, described)) as {
      'x-values-schema': unknown;
    };
    expect(values).toEqual(plain(one));
    const theirs = { ...TypeBox.Record(TypeBox.String(), one), ...described };
    expect(schema).toEqual(plain(theirs));
  });

  it('a key that may be absent, which is not changed itself', () => {
    expect(plain(optional(one))).toEqual(plain(TypeBox.Optional(one)));
    expect(Object.hasOwn(one, '~optional')).toBe(false);
  });
});
