/** Directory listings: name order against S3's key order, pages, folder markers, and what they cost in calls. */

import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { type OnFake, onFake } from '../../../support/s3-on-fake.ts';

let on: OnFake;
afterEach(() => on.stop());

function storeTags(names: readonly string[]): void {
  for (const name of names) {
    on.fake.store(`r/tags/${name}/current/link`, 'x');
  }
}

async function listNames(options?: { after?: string; limit?: number }): Promise<string[]> {
  return ((await on.driver.list('/r/tags', options)) ?? []).map(({ name }) => name);
}

it('lists 10,000 tags in ten calls', async () => {
  on = await onFake();
  const names = Array.from({ length: 10_000 }, (_, n) => `v${String(n).padStart(5, '0')}`);
  storeTags(names);
  expect(await listNames()).toEqual(names);
  expect(on.fake.count('ListObjectsV2')).toBe(10);
});

it('takes one call for a page of tags in the middle', async () => {
  on = await onFake();
  storeTags(Array.from({ length: 3000 }, (_, n) => `v${String(n).padStart(5, '0')}`));
  expect(await listNames({ after: 'v01000', limit: 100 })).toHaveLength(100);
  expect(on.fake.calls).toHaveLength(1);
});

it('puts v1 before v1-alpine and v1.2, though their keys sort the other way', async () => {
  on = await onFake();
  storeTags(['v1', 'v1-alpine', 'v1.2', 'v1.2-alpine']);
  expect(await listNames({ limit: 1 })).toEqual(['v1']);
  expect(await listNames({ after: 'v1', limit: 2 })).toEqual(['v1-alpine', 'v1.2']);
  expect(await listNames({ after: 'v1-alpine' })).toEqual(['v1.2', 'v1.2-alpine']);
});

it('gives every page as sorting all names would', async () => {
  on = await onFake({ pageSize: 3 });
  const name = fc.stringMatching(/^[a-b][ab.-]{0,3}$/);
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(name, { minLength: 1, maxLength: 12 }),
      fc.option(name, { nil: undefined }),
      fc.integer({ min: 1, max: 6 }),
      async (names, after, limit) => {
        on.fake.objects.clear();
        storeTags(names);
        const expected = [...names].sort().filter((n) => after === undefined || n > after);
        expect(await listNames({ ...(after !== undefined && { after }), limit })).toEqual(
          expected.slice(0, limit),
        );
      },
    ),
    { numRuns: 150 },
  );
});

it('passes over folder markers and empty names', async () => {
  on = await onFake();
  for (const key of ['d/', 'd/a', 'd/sub/', 'd//odd', 'empty/']) {
    on.fake.store(key, '');
  }
  expect(await on.driver.list('/d')).toEqual([
    { name: 'a', isDirectory: false },
    { name: 'sub', isDirectory: true },
  ]);
  expect(await on.driver.list('/empty')).toEqual([]);
  expect(await on.driver.stat('/empty')).toMatchObject({ isDirectory: true });
  await on.driver.delete('/d');
  expect([...on.fake.objects.keys()]).toEqual(['empty/']);
});

it('does not show the state of unfinished uploads, but knows their folder', async () => {
  on = await onFake();
  const writer = await on.driver.openWriter('/u/1/data', { append: false });
  await writer.close();
  expect(await on.driver.list('/u/1')).toEqual([]);
  expect(await on.driver.list('/u')).toEqual([{ name: '1', isDirectory: true }]);
});

it('does not take a file for the folder of its longer-named sibling', async () => {
  on = await onFake();
  on.fake.store('ab', 'x');
  expect(await on.driver.stat('/a')).toBeUndefined();
  expect(await on.driver.list('/a')).toBeUndefined();
});
