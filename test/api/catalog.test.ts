/** The catalog: order, pages, and names that sort oddly. Reference order: depth first, a repository at its `_manifests`. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { nextPage } from '../support/api-client.ts';
import { onBothFrontEnds } from '../support/api-suite.ts';

interface Catalog {
  readonly repositories: string[];
}

/** In catalog order: digits sort before `_manifests`, letters after. */
const names = ['a/0x', 'a', 'a/b/c', 'a/b/d/e', 'a/z', 'a-b', 'a.b/0', 'a.b', 'a_b', 'b'];

onBothFrontEnds('catalog', { config: { catalog: { maxentries: 7 } } }, (on) => {
  const list = (query = '') => on.api.get(`/v2/_catalog${query}`);
  const namesOf = async (query: string): Promise<string[]> =>
    ((await list(query)).json() as Catalog).repositories;

  beforeAll(async () => {
    // As any registry leaves them; pushing each would only be slower.
    for (const name of names) {
      const folder = join(on.registry.root, 'docker/registry/v2/repositories', name);
      await mkdir(join(folder, '_manifests/tags'), { recursive: true });
      await mkdir(join(folder, '_layers'), { recursive: true });
    }
    await on.api.pushBlob('only/blobs', 'x');
  });

  test.each([1, 2, 3, 7])('pages of %i hold each repository once, in order', async (n) => {
    const seen: string[] = [];
    let next: string | undefined = `/v2/_catalog?n=${n}`;
    while (next !== undefined) {
      const reply = await on.api.get(next);
      const { repositories } = reply.json() as Catalog;
      expect(repositories.length).toBeLessThanOrEqual(n);
      seen.push(...repositories);
      next = nextPage(reply);
    }
    expect(seen).toEqual(names);
  });

  test('without a number at most the limit comes, with a Link', async () => {
    const reply = await list();
    expect((reply.json() as Catalog).repositories).toEqual(names.slice(0, 7));
    expect(reply.headers.link).toBe(
      `</v2/_catalog?last=${encodeURIComponent(names[6] ?? '')}&n=7>; rel="next"`,
    );
    expect(reply.headers['content-type']).toBe('application/json');
  });

  test('a number above the limit is clamped', async () => {
    const reply = await list('?n=100');
    expect((reply.json() as Catalog).repositories).toHaveLength(7);
    expect(nextPage(reply)).toContain('n=7');
  });

  test('with exactly as many left there is no Link', async () => {
    const reply = await list('?n=3&last=a.b/0');
    expect((reply.json() as Catalog).repositories).toEqual(['a.b', 'a_b', 'b']);
    expect(reply.headers).not.toHaveProperty('link');
  });

  test.each([
    ['last=a', names.slice(2)],
    ['last=a/0x', names.slice(1)],
    ['last=a/0', names],
    ['last=a/b', names.slice(2)],
    ['last=a/b/c/x', names.slice(3)],
    ['last=a/zz', names.slice(5)],
    ['last=b', []],
    ['last=zzz', []],
    ['last=_', names],
  ])('%s goes on after it', async (query, expected) => {
    expect(await namesOf(`?n=7&${query}`)).toEqual(expected.slice(0, 7));
  });

  test.each([
    '..',
    '../..',
    '../../repositories/a',
    'a/..',
    'a//b',
    '/',
    '//',
    '.',
    'a/_manifests',
    '%00',
    '%2e%2e%2f',
    'A'.repeat(5000),
    'a/'.repeat(2000),
  ])('a `last` that is no name is no error: %s', async (last) => {
    const reply = await list(`?last=${last}`);
    expect(reply.status).toBe(200);
    for (const name of (reply.json() as Catalog).repositories) {
      expect(names).toContain(name);
    }
  });

  test('n=0 is an empty list without Link', async () => {
    const reply = await list('?n=0');
    expect(reply.text).toBe('{"repositories":[]}\n');
    expect(reply.headers).not.toHaveProperty('link');
  });

  test.each(['-1', 'x', '1.5'])('n=%s is a 400', async (n) => {
    const reply = await list(`?n=${n}`);
    expect(reply.status).toBe(400);
    const { errors } = reply.json() as { errors: { code: string; detail: unknown }[] };
    expect(errors).toMatchObject([{ code: 'PAGINATION_NUMBER_INVALID', detail: { n } }]);
  });

  test('HEAD has the headers and no body', async () => {
    const [head, get] = [await on.api.head('/v2/_catalog'), await list()];
    expect(head.status).toBe(200);
    expect(head.body).toHaveLength(0);
    expect(head.headers['content-length']).toBe(String(get.body.length));
  });
});

onBothFrontEnds('catalog of an empty registry', {}, (on) => {
  test('is an empty list', async () => {
    expect((await on.api.get('/v2/_catalog')).text).toBe('{"repositories":[]}\n');
    expect((await on.api.get('/v2/_catalog?last=x&n=5')).text).toBe('{"repositories":[]}\n');
  });

  test('a pushed repository appears at once', async () => {
    await on.api.pushImage('fresh/repo', 'v1');
    expect((await on.api.get('/v2/_catalog')).text).toBe('{"repositories":["fresh/repo"]}\n');
  });
});
