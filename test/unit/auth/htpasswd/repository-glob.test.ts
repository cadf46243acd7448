import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileRepositoryGlob } from '../../../../src/auth/htpasswd/repository-glob.ts';

/** The same language as a regular expression: slow on hostile names, fine as a yardstick. */
function yardstick(pattern: string): RegExp {
  const source = pattern
    .split(/((?<=^|\/)\*\*\/|\*\*|\*|\?)/)
    .map((part) => {
      if (part === '**/') return '(?:.*/)?';
      if (part === '**') return '.*';
      if (part === '*') return '[^/]*';
      if (part === '?') return '[^/]';
      return part.replace(/[.]/g, '\\.');
    })
    .join('');
  return new RegExp(`^${source}$`);
}

describe('repository glob', () => {
  it.each([
    ['team/*', 'team/app', true],
    ['team/*', 'team/a/b', false],
    ['team/*', 'team', false],
    ['team/**', 'team/a/b', true],
    ['**', 'a/b/c', true],
    ['*', 'a/b', false],
    ['**/cache', 'cache', true],
    ['**/cache', 'a/b/cache', true],
    ['**/cache', 'a/mycache', false],
    ['a/**/b', 'a/b', true],
    ['a/**/b', 'a/x/y/b', true],
    ['a?c', 'abc', true],
    ['a?c', 'a/c', false],
    ['a.b', 'axb', false],
  ])('%s on %s: %s', (pattern, name, isMatch) => {
    expect(compileRepositoryGlob(pattern)(name)).toBe(isMatch);
  });

  it('agrees with a regular expression of the same meaning', () => {
    const piece = fc.constantFrom('a', 'b', '/', '*', '**', '?', '/**/');
    const pattern = fc
      .array(piece, { minLength: 1, maxLength: 7 })
      .map((parts) => parts.join('').replace(/\*{3,}/g, '**'))
      .filter((text) => text.split('**').length <= 5);
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 9 });
    fc.assert(
      fc.property(pattern, name, (glob, text) => {
        expect(compileRepositoryGlob(glob)(text)).toBe(yardstick(glob).test(text));
      }),
      { numRuns: 3000 },
    );
  });

  it('answers a hostile name without trying every way', () => {
    const glob = compileRepositoryGlob(`${'*a'.repeat(60)}b`);
    expect(glob('a'.repeat(255))).toBe(false);
  });

  it.each(['', 'Team/*', 'a b', '[ab]', '**/a**/b**/c**/d**'])('refuses %j', (pattern) => {
    expect(() => compileRepositoryGlob(pattern)).toThrow(/repository/);
  });
});
