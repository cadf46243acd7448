import { expect, it } from 'vitest';
import { quote } from '../../../src/auth/quote.ts';

it.each([
  ['plain', '"plain"'],
  ['a "b" \\c', '"a \\"b\\" \\\\c"'],
  ['\r\n\t\u0000\u007f\u0007', '"\\r\\n\\t\\x00\\x7f\\a"'],
  ['é😀', '"\\u00e9\\U0001f600"'],
])('quotes %j as Go would', (text, quoted) => {
  expect(quote(text)).toBe(quoted);
});

it('lets no line break into a header', () => {
  expect(quote('a\r\nSet-Cookie: x')).not.toMatch(/[\r\n]/);
});
