/** Manifests: GET, HEAD, PUT, DELETE. distribution-spec "Pulling manifests", "Pushing Manifests", "Deleting Manifests". */

import { beforeAll, describe, expect, test } from 'vitest';
import {
  ApiClient,
  aDescriptor,
  anImage,
  anIndex,
  digestOf,
  dockerList,
  dockerManifest,
  emptyConfig,
  emptyType,
  ociConfig,
  ociIndex,
  ociLayer,
  ociManifest,
} from '../support/api-client.ts';
import { type ApiUnderTest, onBothFrontEnds } from '../support/api-suite.ts';
import { startRegistry } from '../support/registry.ts';

const name = 'man/ifests';
const url = (reference: string): string => `/v2/${name}/manifests/${reference}`;

onBothFrontEnds('manifests', {}, (on) => {
  beforeAll(async () => {
    await on.api.pushBlob(name, emptyConfig);
    await on.api.pushBlob(name, 'layer');
  });

  describe('PUT and GET', () => {
    test('the exact bytes come back, by tag and by digest', async () => {
      const text = `\n {"schemaVersion" : 2, "unknown":"<&>\\u00e9", "config":${JSON.stringify(aDescriptor(emptyConfig, ociConfig))}, "layers":[ ] }\n\n`;
      const digest = digestOf(text);
      const put = await on.api.putManifest(name, 'exact', text);
      expect(put.status).toBe(201);
      expect(put.headers).toMatchObject({
        location: `http://127.0.0.1:${on.api.port}${url(digest)}`,
        'docker-content-digest': digest,
        'content-length': '0',
      });
      for (const reference of ['exact', digest]) {
        const get = await on.api.get(url(reference));
        expect(get.status).toBe(200);
        expect(get.text).toBe(text);
        expect(get.headers).toMatchObject({
          'content-type': ociManifest,
          'content-length': String(Buffer.byteLength(text)),
          'docker-content-digest': digest,
          etag: `"${digest}"`,
        });
        const head = await on.api.head(url(reference));
        const { date: _, ...headHeaders } = head.headers;
        const { date: __, ...getHeaders } = get.headers;
        expect(head.body).toHaveLength(0);
        expect(headHeaders).toEqual(getHeaders);
      }
    });

    test.each(['sha256', 'sha384', 'sha512'])(
      'pushed by %s it is pulled by it',
      async (algorithm) => {
        const text = JSON.stringify(anImage({ annotations: { by: algorithm } }));
        const digest = digestOf(text, algorithm);
        const put = await on.api.putManifest(name, digest, text);
        expect(put.status).toBe(201);
        expect(put.headers['docker-content-digest']).toBe(digest);
        const get = await on.api.get(url(digest));
        expect(get.text).toBe(text);
        expect(get.headers['docker-content-digest']).toBe(digest);
        expect((await on.api.get(url(digestOf(text)))).text).toBe(text);
      },
    );

    test('a digest of other bytes is refused', async () => {
      const reply = await on.api.putManifest(name, digestOf('other'), anImage());
      expect(reply.status).toBe(400);
      expect(reply.codes()).toEqual(['DIGEST_INVALID']);
    });

    test.each(['sha256:abc', 'md5:d41d8cd98f00b204e9800998ecf8427e', `sha256:${'A'.repeat(64)}`])(
      'a bad digest is a 400: %s',
      async (reference) => {
        expect((await on.api.putManifest(name, reference, anImage())).status).toBe(400);
        expect((await on.api.get(url(reference))).status).toBe(400);
        expect((await on.api.delete(url(reference))).status).toBe(400);
      },
    );

    test('a tag moves', async () => {
      await on.api.putManifest(name, 'moving', anImage({ annotations: { n: '1' } }));
      await on.api.putManifest(name, 'moving', anImage({ annotations: { n: '2' } }));
      const got = (await on.api.get(url('moving'))).json() as { annotations: { n: string } };
      expect(got.annotations.n).toBe('2');
    });

    test('`?tag=` on a push by digest sets each tag', async () => {
      const text = JSON.stringify(anImage({ annotations: { tagged: 'by parameter' } }));
      const tags = Array.from({ length: 10 }, (_, index) => `p${index}`);
      const digest = digestOf(text);
      const query = tags.map((tag) => `tag=${tag}`).join('&');
      const reply = await on.api.putManifest(name, `${digest}?${query}`, text);
      expect(reply.status).toBe(201);
      expect(String(reply.headers['oci-tag']).split(', ')).toEqual(tags);
      for (const tag of tags) {
        expect((await on.api.head(url(tag))).headers['docker-content-digest']).toBe(digest);
      }
    });

    test('`?tag=` that is no tag is refused, with nothing stored', async () => {
      const text = JSON.stringify(anImage({ annotations: { tagged: 'badly' } }));
      const reply = await on.api.putManifest(name, `${digestOf(text)}?tag=ok-tag&tag=.bad`, text);
      expect(reply.status).toBe(400);
      expect((await on.api.head(url('ok-tag'))).status).toBe(404);
      expect((await on.api.head(url(digestOf(text)))).status).toBe(404);
    });

    test('what is taken is there for another process too, whatever its shape', async () => {
      const shapes: [string, string | object, string][] = [
        ['an image without mediaType', anImage({ mediaType: undefined }), ociManifest],
        ['an image with Go’s null', anImage({ mediaType: '', manifests: null }), ociManifest],
        ['an index without mediaType', { schemaVersion: 2, manifests: [] }, ociIndex],
        ['an index with Go’s null', '{"schemaVersion":2,"manifests":null}', ociIndex],
        ['the same with more', anIndex([], { mediaType: '', manifests: null }), ociIndex],
        ['an index without manifests', anIndex([], { manifests: undefined }), ociIndex],
        [
          'a list with Go’s null',
          anIndex([], { mediaType: dockerList, manifests: null }),
          dockerList,
        ],
      ];
      for (const [index, [label, manifest, type]] of shapes.entries()) {
        const put = await on.api.putManifest(name, `shape${index}`, manifest, type);
        expect(put.status, label).toBe(201);
      }
      const another = await startRegistry({ root: on.registry.root, frontEnd: on.frontEnd });
      const api = new ApiClient(another.port);
      for (const [index, [label, , type]] of shapes.entries()) {
        const [here, there] = [
          await on.api.get(url(`shape${index}`)),
          await api.get(url(`shape${index}`)),
        ];
        expect(there.status, label).toBe(200);
        expect(there.headers['content-type'], label).toBe(type);
        expect(here.headers['content-type'], label).toBe(type);
        expect(there.text).toBe(here.text);
      }
      api.close();
      await another.stop();
    });

    test('parameters and case of the Content-Type do not matter', async () => {
      const type = 'Application/vnd.oci.image.manifest.v1+JSON; charset=utf-8';
      expect((await on.api.putManifest(name, 'typed', anImage(), type)).status).toBe(201);
      expect((await on.api.get(url('typed'))).headers['content-type']).toBe(ociManifest);
    });
  });

  describe('conditions', () => {
    test('If-None-Match is a 304 with the identity, by tag and by digest', async () => {
      const { digest } = await on.api.pushImage(name, 'cond');
      for (const reference of ['cond', digest]) {
        for (const tag of [digest, `"${digest}"`, `W/"${digest}"`, '*']) {
          const reply = await on.api.get(url(reference), { 'if-none-match': tag });
          expect(reply.status).toBe(304);
          expect(reply.headers).toMatchObject({
            etag: `"${digest}"`,
            'docker-content-digest': digest,
          });
          expect(reply.body).toHaveLength(0);
        }
      }
      expect((await on.api.get(url('cond'), { 'if-none-match': '"x"' })).status).toBe(200);
      expect((await on.api.get(url('cond'), { 'if-match': '"x"' })).status).toBe(412);
    });

    test('If-None-Match of a manifest that is not there is a 404', async () => {
      const digest = digestOf('never');
      expect((await on.api.get(url(digest), { 'if-none-match': digest })).status).toBe(404);
    });
  });

  describe('Accept', () => {
    const amd64 = { platform: { architecture: 'amd64', os: 'linux' } };
    const image = { ...anImage(), mediaType: dockerManifest };

    beforeAll(async () => {
      await on.api.putManifest(name, 'oci', anImage());
      await on.api.putManifest(name, 'docker', image, dockerManifest);
      const child = aDescriptor(JSON.stringify(image), dockerManifest, amd64);
      const list = { schemaVersion: 2, mediaType: dockerList, manifests: [child] };
      expect((await on.api.putManifest(name, 'list', list, dockerList)).status).toBe(201);
      await on.api.putManifest(name, 'list-of-none', { ...list, manifests: [] }, dockerList);
      const index = anIndex([aDescriptor(JSON.stringify(image), dockerManifest)]);
      expect((await on.api.putManifest(name, 'index', index, ociIndex)).status).toBe(201);
    });

    test.each([
      ['oci', undefined, ociManifest],
      ['oci', '*/*', ociManifest],
      ['oci', 'application/*', ociManifest],
      ['oci', `${dockerManifest}, ${ociManifest};q=0.1`, ociManifest],
      ['docker', ociManifest, dockerManifest],
      ['docker', dockerManifest, dockerManifest],
      ['index', dockerManifest, ociIndex],
      ['index', ociIndex, ociIndex],
      ['list', dockerList, dockerList],
      ['list', '*/*', dockerList],
      ['list', undefined, dockerList],
    ])('%s asked with Accept %s is given as %s', async (tag, accept, type) => {
      const reply = await on.api.get(url(tag), accept === undefined ? {} : { accept });
      expect(reply.status).toBe(200);
      expect(reply.headers['content-type']).toBe(type);
      expect(reply.headers['docker-content-digest']).toBe(digestOf(reply.body));
    });

    test('an OCI manifest is not given to who names other types only', async () => {
      const reply = await on.api.get(url('oci'), { accept: dockerManifest });
      expect(reply.status).toBe(404);
      expect(reply.codes()).toEqual(['MANIFEST_UNKNOWN']);
    });

    test('an old Docker client gets the linux/amd64 child of a list, under its own digest', async () => {
      const reply = await on.api.get(url('list'), { accept: dockerManifest });
      expect(reply.status).toBe(200);
      expect(reply.text).toBe(JSON.stringify(image));
      expect(reply.headers['docker-content-digest']).toBe(digestOf(JSON.stringify(image)));
      expect((await on.api.get(url('list-of-none'), { accept: dockerManifest })).status).toBe(404);
    });
  });

  describe('what is refused', () => {
    test.each([
      ['no type', ''],
      ['schema 1', 'application/vnd.docker.distribution.manifest.v1+prettyjws'],
      ['any JSON', 'application/json'],
      ['nonsense', ';;;'],
    ])('%s', async (_, type) => {
      const reply = await on.api.putManifest(name, 'refused', anImage(), type);
      expect(reply.status).toBe(400);
      expect(reply.codes()).toEqual(['MANIFEST_INVALID']);
    });

    test.each<[string, string | object, string]>([
      ['no body', '', ociManifest],
      ['no JSON', '{', ociManifest],
      ['two documents', `${JSON.stringify(anImage())}{}`, ociManifest],
      ['a list', '[]', ociManifest],
      ['null', 'null', ociManifest],
      ['a byte order mark', `\ufeff${JSON.stringify(anImage())}`, ociManifest],
      ['another type in the body', { ...anImage(), mediaType: ociIndex }, ociManifest],
      [
        'a Docker manifest without mediaType',
        { ...anImage(), mediaType: undefined },
        dockerManifest,
      ],
      ['nothing that tells its type', '{"schemaVersion":2}', ociIndex],
      ['an empty mediaType and nothing else', '{"schemaVersion":2,"mediaType":""}', ociIndex],
      ['a key that Distribution reads as layers', anImage({ Layers: [] }), ociManifest],
      [
        'a key that Distribution reads as digest',
        anImage({ layers: [{ ...aDescriptor(emptyConfig, ociLayer), Digest: digestOf('x') }] }),
        ociManifest,
      ],
      ['schemaVersion 1', anImage({ schemaVersion: 1 }), ociManifest],
      ['schemaVersion "2"', anImage({ schemaVersion: '2' }), ociManifest],
      ['an image with manifests', anImage({ manifests: [] }), ociManifest],
      ['an index with config', anIndex([], { config: {} }), ociIndex],
      ['an index with layers', anIndex([], { layers: [] }), ociIndex],
      ['no config', anImage({ config: undefined }), ociManifest],
      ['layers that are no list', anImage({ layers: {} }), ociManifest],
      ['a layer without digest', anImage({ layers: [{ size: 1 }] }), ociManifest],
      [
        'a size below zero',
        anImage({ config: { ...aDescriptor('{}', ociConfig), size: -1 } }),
        ociManifest,
      ],
      ['annotations that are no map', anImage({ annotations: ['x'] }), ociManifest],
      ['a subject that is no descriptor', anImage({ subject: 'x' }), ociManifest],
      [
        'urls that are no list',
        anImage({ layers: [{ ...aDescriptor('l', ociLayer), urls: 'x' }] }),
        ociManifest,
      ],
    ])('%s', async (_, manifest, type) => {
      const reply = await on.api.putManifest(name, 'refused', manifest, type);
      expect(reply.status).toBe(400);
      expect(reply.codes()).toEqual(['MANIFEST_INVALID']);
    });

    test('bytes that are no UTF-8', async () => {
      const bytes = Buffer.from(JSON.stringify(anImage({ annotations: { x: '?' } })));
      bytes[bytes.indexOf('?')] = 0xff;
      expect((await on.api.putManifest(name, 'refused', bytes)).codes()).toEqual([
        'MANIFEST_INVALID',
      ]);
    });

    test('JSON nested as deep as its size allows', async () => {
      const text = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
      expect((await on.api.putManifest(name, 'refused', text)).codes()).toEqual([
        'MANIFEST_INVALID',
      ]);
    });

    test('a reference that is neither tag nor digest', async () => {
      for (const reference of ['.dot', '-dash', 'a'.repeat(129), 'sp%20ace', '%ff']) {
        const reply = await on.api.putManifest(name, reference, anImage());
        expect(reply.status).toBe(400);
        expect(reply.codes()).toHaveLength(1);
      }
    });
  });

  describe('what a manifest points to', () => {
    test('each missing blob is named', async () => {
      const layers = ['one', 'two'].map((layer) => aDescriptor(`missing ${layer}`, ociLayer));
      const reply = await on.api.putManifest(name, 'missing', anImage({ layers }));
      expect(reply.status).toBe(400);
      const { errors } = reply.json() as { errors: { code: string; detail: string }[] };
      expect(errors.map(({ code }) => code)).toEqual([
        'MANIFEST_BLOB_UNKNOWN',
        'MANIFEST_BLOB_UNKNOWN',
      ]);
      expect(errors.map(({ detail }) => detail).sort()).toEqual(
        ['one', 'two'].map((layer) => digestOf(`missing ${layer}`)).sort(),
      );
      expect((await on.api.head(url('missing'))).status).toBe(404);
    });

    test('a malformed digest is a 400', async () => {
      const layers = [{ mediaType: ociLayer, digest: 'sha256:../../x', size: 1 }];
      const reply = await on.api.putManifest(name, 'bad-digest', anImage({ layers }));
      expect(reply.status).toBe(400);
      expect(reply.codes()).toEqual(['DIGEST_INVALID']);
    });

    test('blobs may be named by sha512', async () => {
      const digest = digestOf('by long digest', 'sha512');
      await on.api.finishUpload(await on.api.startUpload(name), digest, 'by long digest');
      const layers = [{ mediaType: ociLayer, digest, size: 14 }];
      expect((await on.api.putManifest(name, 'long', anImage({ layers }))).status).toBe(201);
    });

    test('children of an index must exist; a nested index is one', async () => {
      const child = JSON.stringify(anImage({ annotations: { child: 'yes' } }));
      const inner = JSON.stringify(anIndex([aDescriptor(child, ociManifest)]));
      const outer = anIndex([aDescriptor(inner, ociIndex)]);
      expect((await on.api.putManifest(name, digestOf(inner), inner, ociIndex)).codes()).toEqual([
        'MANIFEST_BLOB_UNKNOWN',
      ]);
      await on.api.putManifest(name, digestOf(child), child);
      expect((await on.api.putManifest(name, digestOf(inner), inner, ociIndex)).status).toBe(201);
      expect((await on.api.putManifest(name, 'outer', outer, ociIndex)).status).toBe(201);
    });

    test('a subject need not exist', async () => {
      const subject = aDescriptor('not there yet', ociManifest);
      const reply = await on.api.putManifest(name, 'subject', anImage({ subject }));
      expect(reply.status).toBe(201);
      expect(reply.headers['oci-subject']).toBe(digestOf('not there yet'));
    });

    test('without a subject there is no OCI-Subject', async () => {
      const reply = await on.api.putManifest(name, 'plain', anImage());
      expect(reply.headers).not.toHaveProperty('oci-subject');
    });

    test('a foreign layer must have a URL, and none is allowed by default', async () => {
      const type = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
      const manifest = (urls: string[] | undefined): object => ({
        ...anImage({ layers: [aDescriptor('elsewhere', type, { urls })] }),
        mediaType: dockerManifest,
      });
      for (const urls of [undefined, [], ['https://example.com/x']]) {
        const reply = await on.api.putManifest(name, 'foreign', manifest(urls), dockerManifest);
        expect(reply.status).toBe(400);
        expect(reply.codes()).toEqual(['MANIFEST_INVALID']);
      }
    });
  });

  describe('artifacts go in and out untouched', () => {
    test.each<[string, object, string]>([
      [
        'with artifactType and the empty config',
        anImage({
          artifactType: 'application/x.sbom',
          config: aDescriptor(emptyConfig, emptyType, { data: 'e30=' }),
        }),
        ociManifest,
      ],
      [
        'of a layer type nobody knows',
        anImage({ layers: [aDescriptor('layer', 'text/x-anything')] }),
        ociManifest,
      ],
      [
        'of a config type nobody knows',
        anImage({ config: aDescriptor(emptyConfig, 'application/vnd.cncf.helm.config.v1+json') }),
        ociManifest,
      ],
      [
        'of a zstd layer',
        anImage({ layers: [aDescriptor('layer', 'application/vnd.oci.image.layer.v1.tar+zstd')] }),
        ociManifest,
      ],
      ['an index with artifactType', anIndex([], { artifactType: 'application/x.list' }), ociIndex],
      [
        'a BuildKit cache index of plain layers',
        anIndex([
          aDescriptor('layer', ociLayer, { annotations: { 'buildkit/createdat': 'x' } }),
          aDescriptor(emptyConfig, 'application/vnd.buildkit.cacheconfig.v0'),
        ]),
        ociIndex,
      ],
      [
        'members nobody knows',
        anImage({ 'org.example.extra': { deep: [1, 2.5, null] } }),
        ociManifest,
      ],
    ])('%s', async (_, manifest, type) => {
      const text = JSON.stringify(manifest);
      expect((await on.api.putManifest(name, 'artifact', text, type)).status).toBe(201);
      const reply = await on.api.get(url('artifact'));
      expect(reply.text).toBe(text);
      expect(reply.headers['content-type']).toBe(type);
    });
  });

  describe('DELETE', () => {
    test('by digest removes the manifest and every tag on it', async () => {
      const text = JSON.stringify(anImage({ annotations: { to: 'go' } }));
      const digest = digestOf(text);
      await on.api.pushImage('man/delete', 'kept');
      for (const tag of ['t1', 't2']) {
        await on.api.putManifest('man/delete', tag, text);
      }
      const reply = await on.api.delete(`/v2/man/delete/manifests/${digest}`);
      expect(reply.status).toBe(202);
      expect(reply.body).toHaveLength(0);
      expect((await on.api.get(`/v2/man/delete/tags/list`)).json()).toEqual({
        name: 'man/delete',
        tags: ['kept'],
      });
      for (const reference of [digest, 't1', 't2']) {
        expect((await on.api.get(`/v2/man/delete/manifests/${reference}`)).status).toBe(404);
      }
      expect((await on.api.delete(`/v2/man/delete/manifests/${digest}`)).codes()).toEqual([
        'MANIFEST_UNKNOWN',
      ]);
      expect((await on.api.putManifest('man/delete', 't1', text)).status).toBe(201);
      expect((await on.api.get('/v2/man/delete/manifests/t1')).text).toBe(text);
    });

    test('by tag leaves the manifest', async () => {
      const { digest } = await on.api.pushImage(name, 'untag', { annotations: { un: 'tagged' } });
      expect((await on.api.delete(url('untag'))).status).toBe(202);
      expect((await on.api.get(url('untag'))).status).toBe(404);
      expect((await on.api.get(url(digest))).status).toBe(200);
      expect((await on.api.delete(url('untag'))).codes()).toEqual(['MANIFEST_UNKNOWN']);
    });

    test.each([
      ['sha512', 'sha512'],
      ['sha512', 'sha256'],
      ['sha384', 'sha256'],
    ])(
      'of one pushed by %s, by its %s digest, makes it unknown under both',
      async (pushed, deleted) => {
        const text = JSON.stringify(anImage({ annotations: { long: `${pushed} ${deleted}` } }));
        const digest = digestOf(text, pushed);
        await on.api.putManifest(name, `${digest}?tag=long-gone`, text);
        expect((await on.api.delete(url(digestOf(text, deleted)))).status).toBe(202);
        for (const reference of [digest, digestOf(text), 'long-gone']) {
          expect((await on.api.get(url(reference))).status).toBe(404);
        }
      },
    );
  });

  test.each(['GET', 'HEAD', 'DELETE'])('%s of what is not there is a 404', async (method) => {
    for (const path of [
      url('nothing'),
      url(digestOf('nothing')),
      '/v2/no/repo/manifests/x',
      url('.bad'),
    ]) {
      const reply = await on.api.send(method, path);
      expect(reply.status).toBe(404);
      if (method === 'HEAD') {
        expect(reply.body).toHaveLength(0);
      } else {
        expect(reply.codes()).toEqual(['MANIFEST_UNKNOWN']);
      }
    }
  });
});

async function pushLayer(on: ApiUnderTest, repository: string): Promise<void> {
  await on.api.pushBlob(repository, emptyConfig);
}

onBothFrontEnds(
  'manifest validation',
  {
    config: {
      validation: {
        manifests: {
          urls: {
            allow: ['^https?://([^/]+\\.)*example\\.com/'],
            deny: ['^https?://www\\.example\\.com/'],
          },
          indexes: { platforms: 'list', platformlist: [{ architecture: 'amd64', os: 'linux' }] },
        },
      },
      policy: { repository: { classes: ['image'] } },
    },
  },
  (on) => {
    const type = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip';

    test.each([
      [['https://example.com/x'], 201],
      [['https://a.example.com/x', 'http://b.example.com/y'], 201],
      [['https://www.example.com/x'], 400],
      [['https://example.com/x', 'https://evil.test/x'], 400],
      [['ftp://example.com/x'], 400],
      [['https://example.com/x#fragment'], 400],
      [['not a url'], 400],
    ])('URLs %j of a layer elsewhere: %i', async (urls, status) => {
      await pushLayer(on, 'val/urls');
      const layers = [aDescriptor('elsewhere', type, { urls })];
      expect((await on.api.putManifest('val/urls', 'v1', anImage({ layers }))).status).toBe(status);
    });

    test('a layer without URLs must be here', async () => {
      await pushLayer(on, 'val/urls');
      const layers = [aDescriptor('elsewhere', type)];
      expect((await on.api.putManifest('val/urls', 'v2', anImage({ layers }))).codes()).toEqual([
        'MANIFEST_BLOB_UNKNOWN',
      ]);
    });

    test('only the listed platforms of an index must exist', async () => {
      const child = (architecture: string | undefined): object =>
        aDescriptor(`image ${architecture}`, ociManifest, {
          ...(architecture === undefined ? {} : { platform: { architecture, os: 'linux' } }),
        });
      const put = (children: object[]) =>
        on.api.putManifest('val/index', 'v1', anIndex(children), ociIndex);
      expect((await put([child('arm64'), child(undefined)])).status).toBe(201);
      expect((await put([child('arm64'), child('amd64')])).codes()).toEqual([
        'MANIFEST_BLOB_UNKNOWN',
      ]);
    });

    test('classes that the policy does not name are denied', async () => {
      await pushLayer(on, 'val/class');
      const push = (configType: string) =>
        on.api.putManifest(
          'val/class',
          'v1',
          anImage({ config: aDescriptor(emptyConfig, configType) }),
        );
      expect((await push(ociConfig)).status).toBe(201);
      for (const configType of ['application/vnd.docker.plugin.v1+json', 'application/x.other']) {
        const reply = await push(configType);
        expect(reply.status).toBe(403);
        expect(reply.codes()).toEqual(['DENIED']);
      }
      expect((await on.api.putManifest('val/class', 'list', anIndex([]), ociIndex)).status).toBe(
        201,
      );
    });
  },
);

onBothFrontEnds(
  'manifests without validation of indexes',
  { config: { validation: { manifests: { indexes: { platforms: 'none' } } } } },
  (on) => {
    test('an index may list what is not here', async () => {
      const index = anIndex([aDescriptor('not here', ociManifest)]);
      expect((await on.api.putManifest('sparse', 'v1', index, ociIndex)).status).toBe(201);
    });

    test('an image may not', async () => {
      await pushLayer(on, 'sparse');
      const layers = [aDescriptor('not here', ociLayer)];
      expect((await on.api.putManifest('sparse', 'v2', anImage({ layers }))).status).toBe(400);
    });
  },
);

onBothFrontEnds(
  'manifests with validation off',
  { config: { validation: { disabled: true } } },
  (on) => {
    test('URLs and children are not looked at', async () => {
      await pushLayer(on, 'free');
      const type = 'application/vnd.oci.image.layer.nondistributable.v1.tar';
      const layers = [aDescriptor('elsewhere', type, { urls: ['https://anywhere.test/x'] })];
      expect((await on.api.putManifest('free', 'v1', anImage({ layers }))).status).toBe(201);
      const index = anIndex([aDescriptor('not here', ociManifest)]);
      expect((await on.api.putManifest('free', 'v2', index, ociIndex)).status).toBe(201);
    });
  },
);
