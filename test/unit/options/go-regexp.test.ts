import { expect, test } from 'vitest';
import { compileGoRegExp } from '../../../src/options/go-regexp.ts';

test.each([
  ['example', 'https://www.example.com/', true],
  ['^https?://([^/]+\\.)*example\\.com/', 'https://a.b.example.com/x', true],
  ['^https?://([^/]+\\.)*example\\.com/', 'https://example.com.evil.org/', false],
  ['(?i)EXAMPLE', 'https://example.com', true],
  ['EXAMPLE', 'https://example.com', false],
  ['(?i:EXAMPLE)\\.com', 'https://example.com', true],
  ['[[:digit:]]+$', 'https://example.com/12', true],
  ['\\Qa.b\\E', 'a.b', true],
  ['\\Qa.b\\E', 'axb', false],
])('%s on %s is %s', (pattern, text, isMatch) => {
  expect(compileGoRegExp(pattern).test(text)).toBe(isMatch);
});

test.each(['[', '(', '(?=a)', 'a**', '(a)\\1', '*'])('%s is refused as in Go', (pattern) => {
  expect(() => compileGoRegExp(pattern)).toThrow(SyntaxError);
});

test('the sample pattern of the configuration document cannot be made to backtrack', () => {
  // With a backtracking engine this text takes longer than the universe has existed.
  const hostile = `https://${'a.'.repeat(2000)}!`;
  expect(compileGoRegExp('^https?://([^/]+\\.)*example\\.com/').test(hostile)).toBe(false);
});
