// Whatever stands in the file or the environment, the loader answers with a result and never throws.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatFaults, formatNotice } from '../../../src/config/faults.ts';
import { printConfig } from '../../../src/config/print.ts';
import { type OptionSchema, propertiesOf, wholeFile } from '../../../src/config/schema.ts';
import { load } from '../../support/config.ts';

/** Any JSON value, with the schema's own keys more often than others. */
function valueFor(schema: OptionSchema, depth: number): fc.Arbitrary<unknown> {
  const keys = propertiesOf(schema);
  const odd = fc.oneof(
    fc.constantFrom(null, '', '~', 'true', '10s', -1, 0, 1e300, [], {}, [null], ['x'], { x: [] }),
    fc.jsonValue({ maxDepth: 1 }),
  );
  if (keys.length === 0 || depth === 0) return odd;
  const section = fc
    .subarray([...keys], { maxLength: Math.min(6, keys.length) })
    .chain((chosen) =>
      fc.record(
        Object.fromEntries(chosen.map(([key, child]) => [key, valueFor(child, depth - 1)])),
      ),
    );
  return fc.oneof({ weight: 4, arbitrary: section }, { weight: 1, arbitrary: odd });
}

test('any tree under the known keys gives a result', () => {
  fc.assert(
    fc.property(valueFor(wholeFile, 4), (tree) => {
      const result = load(JSON.stringify(tree));
      if (result.ok) printConfig(result.config, result.origins);
      else
        expect(formatFaults(result)).toMatch(/^configuration error: error parsing config\.yml: /);
    }),
    { numRuns: 300 },
  );
});

test('any text gives a result', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      expect(load(text).ok).toBe(false);
    }),
    { numRuns: 300 },
  );
});

test('any variable gives a result', () => {
  const part = fc.constantFrom(
    'HTTP',
    'STORAGE',
    'S3',
    'REDIS',
    'ADDRS',
    '0',
    '1',
    'X',
    '',
    'HEADERS',
    'LOG',
    'FIELDS',
  );
  const value = fc.oneof(fc.string(), fc.constantFrom('{a: b}', '[a]', '', '*x', '&a [*a]'));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.array(part, { maxLength: 5 }), value), { maxLength: 4 }),
      (variables) => {
        const env = Object.fromEntries(
          variables.map(([parts, text]) => [`REGISTRY_${parts.join('_')}`, text]),
        );
        const result = load('version: 0.1\nstorage: inmemory\n', env);
        if (!result.ok) expect(formatFaults(result)).toContain('configuration error');
      },
    ),
    { numRuns: 150 },
  );
});

test('whatever YAML makes of a secret, nothing shows it', () => {
  const signs = fc.string({
    unit: fc.constantFrom(...'!&*%@|>?:-#"\'`{}[],<=~\\/ \ta0'),
    maxLength: 5,
  });
  fc.assert(
    fc.property(signs, signs, (before, after) => {
      const secret = `${before}hunter2${after}`;
      // What YAML sees as a key of its own is one.
      const flow = /,.*:/.test(secret) ? '~' : secret;
      for (const result of [
        load(`version: 0.1\nstorage: inmemory\nredis:\n  password: ${secret}\n  db: 1\n`),
        load(`version: 0.1\nstorage: inmemory\nredis: {password: ${flow}}\n`),
        load('version: 0.1\nstorage: inmemory\n', { REGISTRY_REDIS_PASSWORD: secret }),
      ]) {
        const shown = result.ok
          ? [
              printConfig(result.config, result.origins),
              ...result.warnings.map(formatNotice),
            ].join()
          : formatFaults(result);
        expect(shown).not.toContain('hunter2');
      }
    }),
    { numRuns: 150 },
  );
});

test('nesting without end is refused', () => {
  for (const text of ['['.repeat(5000), `${'['.repeat(5000)}${']'.repeat(5000)}`]) {
    expect(load('version: 0.1\nstorage: inmemory\n', { REGISTRY_LOG_FIELDS: text }).ok).toBe(false);
  }
});
