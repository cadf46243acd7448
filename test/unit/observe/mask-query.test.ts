import { describe, expect, it } from 'vitest';
import { maskedTarget, maskQuery } from '../../../src/observe/mask-query.ts';

describe('maskQuery', () => {
  it.each([
    ['_state=abcdefghijkl', '_state=abcdefgh…'],
    ['digest=sha256:0&_state=abcdefghijkl&n=1', 'digest=sha256:0&_state=abcdefgh…&n=1'],
    ['_state=abcdefghijkl&_state=ABCDEFGHIJKL', '_state=abcdefgh…&_state=ABCDEFGH…'],
    ['%5Fstate=abcdefghijkl', '%5Fstate=abcdefgh…'],
    ['_state=short', '_state=short'],
    ['my_state=abcdefghijkl', 'my_state=abcdefghijkl'],
    ['n=100&last=estate', 'n=100&last=estate'],
  ])('turns %s into %s', (query, expected) => {
    expect(maskQuery(query)).toBe(expected);
  });

  it('joins path and query', () => {
    expect(maskedTarget('/v2/', '')).toBe('/v2/');
    expect(maskedTarget('/v2/_catalog', 'n=1')).toBe('/v2/_catalog?n=1');
  });
});
