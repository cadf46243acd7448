/** Generated URLs: `http.host`, `http.prefix`, `http.relativeurls`, and the headers of proxies in front. */

import { expect, test } from 'vitest';
import { digestOf, emptyConfig, nextPage } from '../support/api-client.ts';
import { type ApiUnderTest, onBothFrontEnds } from '../support/api-suite.ts';

/** The Locations of an upload's start, its end, and of a manifest, under one root. */
async function expectRoot(
  on: ApiUnderTest,
  root: string,
  options: { prefix?: string; headers?: Record<string, string> } = {},
): Promise<void> {
  const { prefix = '/', headers = {} } = options;
  const start = await on.api.send('POST', `${prefix}v2/url/x/blobs/uploads/`, { headers });
  const location = String(start.headers.location);
  const id = String(start.headers['docker-upload-uuid']);
  expect(location.startsWith(`${root}v2/url/x/blobs/uploads/${id}?_state=`), location).toBe(true);
  const state = location.slice(location.indexOf('?'));
  const digest = digestOf(emptyConfig);
  const put = await on.api.send(
    'PUT',
    `${prefix}v2/url/x/blobs/uploads/${id}${state}&digest=${digest}`,
    { headers, body: emptyConfig },
  );
  expect(put.status).toBe(201);
  expect(put.headers.location).toBe(`${root}v2/url/x/blobs/${digest}`);
}

onBothFrontEnds('urls derived from the request', {}, (on) => {
  test('use the Host header', async () => {
    await expectRoot(on, `http://127.0.0.1:${on.api.port}/`);
    await expectRoot(on, 'http://registry.test:5000/', { headers: { host: 'registry.test:5000' } });
  });

  test.each<[string, Record<string, string>, string]>([
    ['X-Forwarded-Proto', { 'x-forwarded-proto': 'https' }, 'https://h.test/'],
    ['X-Forwarded-Host', { 'x-forwarded-host': ' a.test , b.test' }, 'http://a.test/'],
    [
      'both',
      { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'a.test:8443' },
      'https://a.test:8443/',
    ],
    ['Forwarded', { forwarded: 'for=1.2.3.4;Proto=https;Host="a.test:1"' }, 'https://a.test:1/'],
    ['the first element of Forwarded', { forwarded: 'host=a.test, host=b.test' }, 'http://a.test/'],
    [
      'Forwarded before the others',
      { forwarded: 'for=x', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'x.test' },
      'http://h.test/',
    ],
    ['a malformed Forwarded', { forwarded: 'host=a.test;host=b.test' }, 'http://h.test/'],
    ['a Forwarded that is no list', { forwarded: '=;,,"' }, 'http://h.test/'],
  ])('follow %s', async (_, headers, root) => {
    await expectRoot(on, root, { headers: { host: 'h.test', ...headers } });
  });

  test.each<[string, Record<string, string>]>([
    ['a scheme', { 'x-forwarded-proto': 'javascript:alert(1)//' }],
    ['a host', { 'x-forwarded-host': 'a.test/evil?x=' }],
    ['a host of Forwarded', { forwarded: 'host="a.test\\"><b>"' }],
  ])('print nothing that is not %s', async (_, headers) => {
    const reply = await on.api.send('POST', '/v2/url/x/blobs/uploads/', {
      headers: { host: 'h.test', ...headers },
    });
    expect(reply.status).toBe(202);
    expect(reply.headers.location).toMatch(/^(http:\/\/h\.test)?\/v2\/url\/x\/blobs\/uploads\//);
  });
});

onBothFrontEnds('urls with a prefix', { config: { http: { prefix: '/my/nested/' } } }, (on) => {
  test('hold the prefix', async () => {
    await expectRoot(on, `http://127.0.0.1:${on.api.port}/my/nested/`, { prefix: '/my/nested/' });
  });

  test('serve nothing but the liveness check outside of it', async () => {
    expect((await on.api.get('/my/nested/v2/')).status).toBe(200);
    expect((await on.api.get('/v2/')).status).toBe(404);
    expect((await on.api.get('/')).status).toBe(200);
    expect((await on.api.get('/my/nested/v2')).headers.location).toBe('/my/nested/v2/');
  });

  test('are in the Link of a page', async () => {
    const put = async (name: string): Promise<void> => {
      await on.api.send('POST', `/my/nested/v2/${name}/blobs/uploads/?digest=${digestOf('{}')}`, {
        body: '{}',
      });
      await on.api.send('PUT', `/my/nested/v2/${name}/manifests/v1`, {
        headers: { 'content-type': 'application/vnd.oci.image.index.v1+json' },
        body: '{"schemaVersion":2,"manifests":[]}',
      });
    };
    await put('p/a');
    await put('p/b');
    const page = await on.api.get('/my/nested/v2/_catalog?n=1');
    expect(nextPage(page)).toBe('/my/nested/v2/_catalog?last=p%2Fa&n=1');
  });
});

onBothFrontEnds('relative urls', { config: { http: { relativeurls: true } } }, (on) => {
  test('are paths', async () => {
    await expectRoot(on, '/', { headers: { 'x-forwarded-host': 'a.test' } });
  });
});

onBothFrontEnds(
  'relative urls with a prefix',
  { config: { http: { relativeurls: true, prefix: '/p/' } } },
  (on) => {
    test('hold the prefix', async () => {
      await expectRoot(on, '/p/', { prefix: '/p/' });
    });
  },
);

onBothFrontEnds(
  'urls with a host',
  { config: { http: { host: 'https://out.test:5000', relativeurls: true } } },
  (on) => {
    test('use it, whatever the request says', async () => {
      await expectRoot(on, 'https://out.test:5000/', { headers: { 'x-forwarded-host': 'a.test' } });
    });
  },
);

onBothFrontEnds(
  'urls with a host that has a path',
  { config: { http: { host: 'https://out.test/reg/', prefix: '/inner/' } } },
  (on) => {
    test('use the path as written, without the prefix', async () => {
      await expectRoot(on, 'https://out.test/reg/', { prefix: '/inner/' });
    });
  },
);
