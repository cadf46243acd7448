/** Tag lists. distribution-spec "Listing Tags". */

import { beforeAll, expect, test } from 'vitest';
import { nextPage } from '../support/api-client.ts';
import { onBothFrontEnds } from '../support/api-suite.ts';

interface TagList {
  readonly name: string;
  readonly tags: string[];
}

onBothFrontEnds('tags', { config: { tags: { maxtags: 4 } } }, (on) => {
  const sorted = ['0', 'A', 'Z.9', '_x', 'a', 'a-b', 'a.b', 'a_b', 'b'];
  const list = (query = '') => on.api.get(`/v2/tag/list/tags/list${query}`);
  const tagsOf = async (query: string): Promise<string[]> =>
    ((await list(query)).json() as TagList).tags;

  beforeAll(async () => {
    for (const tag of sorted.toReversed()) {
      await on.api.pushImage('tag/list', tag);
    }
  });

  test('all of them come in byte order', async () => {
    const reply = await list();
    expect(reply.status).toBe(200);
    expect(reply.text).toBe(`${JSON.stringify({ name: 'tag/list', tags: sorted })}\n`);
    expect(reply.headers['content-type']).toBe('application/json');
    expect(reply.headers).not.toHaveProperty('link');
  });

  test('HEAD has the headers and no body', async () => {
    const [head, get] = [await on.api.head('/v2/tag/list/tags/list'), await list()];
    expect(head.status).toBe(200);
    expect(head.body).toHaveLength(0);
    expect(head.headers['content-length']).toBe(String(get.body.length));
  });

  test('pages follow by Link and hold each tag once', async () => {
    const seen: string[] = [];
    let next: string | undefined = '/v2/tag/list/tags/list?n=2';
    while (next !== undefined) {
      const reply = await on.api.get(next);
      const { tags } = reply.json() as TagList;
      expect(tags.length).toBeLessThanOrEqual(2);
      seen.push(...tags);
      next = nextPage(reply);
    }
    expect(seen).toEqual(sorted);
  });

  test('the Link names the last tag and the number', async () => {
    expect((await list('?n=2')).headers.link).toBe(
      '</v2/tag/list/tags/list?last=A&n=2>; rel="next"',
    );
    expect((await list('?n=4&last=a')).headers).not.toHaveProperty('link');
  });

  test('a number above the limit is clamped', async () => {
    const reply = await list('?n=1000');
    expect((reply.json() as TagList).tags).toEqual(sorted.slice(0, 4));
    expect(reply.headers.link).toBe('</v2/tag/list/tags/list?last=_x&n=4>; rel="next"');
  });

  test.each([
    ['?last=A', sorted.slice(2)],
    ['?last=AA', sorted.slice(2)],
    ['?last=b', []],
    ['?last=zzz', []],
    ['?last=', sorted],
    ['?n=', sorted],
    ['?last=a&n=2', ['a-b', 'a.b']],
    ['?last=%2F..%2F&n=2', ['0', 'A']],
    ['?last=%00', sorted],
  ])('%s gives %j', async (query, expected) => {
    expect(await tagsOf(query)).toEqual(expected);
  });

  test('n=0 is an empty list without Link', async () => {
    const reply = await list('?n=0');
    expect(reply.status).toBe(200);
    expect((reply.json() as TagList).tags).toEqual([]);
    expect(reply.headers).not.toHaveProperty('link');
  });

  test.each([
    ['-1', -1],
    ['x', 0],
    ['1.5', 0],
    ['1e3', 0],
    ['99999999999999999999', 0],
  ])('n=%s is a 400', async (n, told) => {
    const reply = await list(`?n=${n}`);
    expect(reply.status).toBe(400);
    const { errors } = reply.json() as { errors: { code: string; detail: unknown }[] };
    expect(errors).toMatchObject([{ code: 'PAGINATION_NUMBER_INVALID', detail: { n: told } }]);
  });

  test.each(['', '?n=0', '?last=x', '?n=5'])(
    'an unknown repository is a 404 (%s)',
    async (query) => {
      const reply = await on.api.get(`/v2/tag/none/tags/list${query}`);
      expect(reply.status).toBe(404);
      const { errors } = reply.json() as { errors: { code: string; detail: unknown }[] };
      expect(errors).toMatchObject([{ code: 'NAME_UNKNOWN', detail: { name: 'tag/none' } }]);
    },
  );

  test('a repository whose last tag went is empty, not unknown', async () => {
    await on.api.pushImage('tag/emptied', 'only');
    await on.api.delete('/v2/tag/emptied/manifests/only');
    expect((await on.api.get('/v2/tag/emptied/tags/list')).text).toBe(
      '{"name":"tag/emptied","tags":[]}\n',
    );
  });

  test('a repository of blobs alone is unknown', async () => {
    await on.api.pushBlob('tag/blobs', 'x');
    expect((await on.api.get('/v2/tag/blobs/tags/list')).status).toBe(404);
  });
});
