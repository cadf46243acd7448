/** Grammars of names, tags and digests, against slow but plain readings of the specification. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkDigest, tryParseDigest } from '../../../src/oci/digest.ts';
import { checkReference, tryParseRepositoryName, tryParseTag } from '../../../src/oci/reference.ts';

/** distribution-spec 1.1 "Pulling manifests", its regular expression of `<name>`. */
const specName = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/;
const specTag = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** Texts that are names or nearly: the characters that the grammar is about. */
const nameLike = fc.string({ unit: fc.constantFrom(...'ab0._-/A:~ '), maxLength: 24 });
const component = fc
  .tuple(
    fc.stringMatching(/^[a-z0-9]{1,6}$/),
    fc.array(
      fc.tuple(fc.constantFrom('.', '_', '__', '-', '---'), fc.stringMatching(/^[a-z0-9]{1,6}$/)),
      { maxLength: 3 },
    ),
  )
  .map(([first, rest]) => first + rest.map(([separator, part]) => separator + part).join(''));
const properName = fc.array(component, { minLength: 1, maxLength: 6 }).map((all) => all.join('/'));

test('every name of the specification up to 255 bytes is taken, as it is', () => {
  fc.assert(
    fc.property(properName, (name) => {
      expect(specName.test(name)).toBe(true);
      expect(tryParseRepositoryName(name)).toBe(name.length <= 255 ? name : undefined);
    }),
  );
});

test('what is taken is the grammar of the specification, or has a domain first', () => {
  fc.assert(
    fc.property(nameLike, (text) => {
      const isTaken = tryParseRepositoryName(text) !== undefined;
      if (specName.test(text)) {
        expect(isTaken).toBe(true);
      } else if (isTaken) {
        const [domain = '', ...rest] = text.split('/');
        expect(domain).toMatch(/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/);
        expect(specName.test(rest.join('/'))).toBe(true);
      }
    }),
    { numRuns: 2000 },
  );
});

test('no name that is taken can leave its place in storage', () => {
  fc.assert(
    fc.property(fc.oneof(nameLike, fc.string({ unit: 'binary', maxLength: 40 })), (text) => {
      for (const part of tryParseRepositoryName(text)?.split('/') ?? []) {
        expect(part).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
      }
    }),
    { numRuns: 2000 },
  );
});

test('a name of any length is judged quickly', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('a', 'a-', 'a_', 'a.', 'a/', 'A.', '--'),
      fc.integer({ min: 1, max: 200_000 }),
      (unit, count) => {
        const name = `${unit.repeat(count)}!`;
        expect(tryParseRepositoryName(name)).toBeUndefined();
      },
    ),
    { numRuns: 50 },
  );
});

test('a tag is what the specification says', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: fc.constantFrom(...'aZ0_.-/: é'), maxLength: 8 }),
        fc.stringMatching(/^\w[\w.-]{120,140}$/),
      ),
      (text) => {
        expect(tryParseTag(text) !== undefined).toBe(specTag.test(text));
      },
    ),
    { numRuns: 2000 },
  );
});

test('a digest is one of three algorithms with its length of lower-case hex', () => {
  const algorithm = fc.constantFrom('sha256', 'sha384', 'sha512', 'md5', 'SHA256', '', 'sha256+b');
  const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdefA-='), maxLength: 130 });
  const proper = fc
    .constantFrom(64, 96, 128, 63, 65)
    .chain((length) =>
      fc.string({ unit: fc.constantFrom(...'0a9f'), minLength: length, maxLength: length }),
    );
  fc.assert(
    fc.property(
      algorithm,
      fc.oneof(hex, proper),
      fc.constantFrom(':', '', '::', ': '),
      (name, encoded, colon) => {
        const text = name + colon + encoded;
        const expected = /^(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/.test(
          text,
        );
        expect(tryParseDigest(text) !== undefined).toBe(expected);
        expect('digest' in checkDigest(text)).toBe(expected);
      },
    ),
    { numRuns: 2000 },
  );
});

test('a reference with a colon is a digest or nothing', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 20 }), fc.string({ maxLength: 20 }), (before, after) => {
      const result = checkReference(`${before}:${after}`);
      expect('kind' in result ? result.kind : result.looksLike).toBe('digest');
    }),
  );
});
