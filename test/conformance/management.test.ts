/** distribution-spec 1.1, category Content Management and error codes: end-9, end-10, code-1 to code-14. */

import { describe, expect } from 'vitest';
import { aDescriptor, anImage, digestOf, emptyConfig, ociLayer } from '../support/api-client.ts';
import { onBothFrontEnds } from '../support/api-suite.ts';
import { clause } from '../support/clause.ts';

const name = 'conformance/management';

onBothFrontEnds('content management', {}, (on) => {
  clause('end-9.a', 'MUST', 'the deletion of a tag answers 202', async () => {
    const { digest } = await on.api.pushImage(name, 'tag');
    expect((await on.api.delete(`/v2/${name}/manifests/tag`)).status).toBe(202);
    expect((await on.api.get(`/v2/${name}/manifests/tag`)).status).toBe(404);
    expect((await on.api.get(`/v2/${name}/manifests/${digest}`)).status).toBe(200);
  });

  clause('end-9.b', 'MUST', 'the deletion of a manifest answers 202', async () => {
    const { digest } = await on.api.pushImage(name, 'manifest', { annotations: { to: 'go' } });
    expect((await on.api.delete(`/v2/${name}/manifests/${digest}`)).status).toBe(202);
    expect((await on.api.get(`/v2/${name}/manifests/${digest}`)).status).toBe(404);
    expect((await on.api.get(`/v2/${name}/manifests/manifest`)).status).toBe(404);
  });

  clause('end-9.c', 'MUST', 'in a repository that is not there it is a 404', async () => {
    const path = `/v2/conformance/nowhere/manifests/${digestOf('x')}`;
    expect((await on.api.delete(path)).status).toBe(404);
    expect((await on.api.delete('/v2/conformance/nowhere/manifests/x')).status).toBe(404);
  });

  clause('end-10.a', 'MUST', 'the deletion of a blob answers 202', async () => {
    const digest = await on.api.pushBlob(name, 'to go');
    expect((await on.api.delete(`/v2/${name}/blobs/${digest}`)).status).toBe(202);
    expect((await on.api.get(`/v2/${name}/blobs/${digest}`)).status).toBe(404);
  });

  clause('end-10.b', 'MUST', 'the deletion of a blob that is not there is a 404', async () => {
    expect((await on.api.delete(`/v2/${name}/blobs/${digestOf('none')}`)).status).toBe(404);
  });

  describe('error codes', () => {
    clause(
      'codes.a',
      'MUST',
      'a JSON body of an error has the form of the specification',
      async () => {
        const { errors } = (await on.api.get(`/v2/${name}/manifests/none`)).json() as {
          errors: unknown[];
        };
        expect(errors).toEqual([
          {
            code: expect.stringMatching(/^[A-Z_]+$/),
            message: expect.any(String),
            detail: expect.anything(),
          },
        ]);
      },
    );

    const layers = [aDescriptor('none', ociLayer)];
    const none = digestOf('none');
    const cases: [id: string, code: string, ask: () => ReturnType<typeof on.api.get>][] = [
      ['code-1', 'BLOB_UNKNOWN', () => on.api.get(`/v2/${name}/blobs/${none}`)],
      [
        'code-2',
        'BLOB_UPLOAD_INVALID',
        () => on.api.send('PATCH', `/v2/${name}/blobs/uploads/none`),
      ],
      ['code-3', 'BLOB_UPLOAD_UNKNOWN', () => on.api.get(`/v2/${name}/blobs/uploads/none`)],
      [
        'code-4',
        'DIGEST_INVALID',
        () => on.api.send('POST', `/v2/${name}/blobs/uploads/?digest=${none}`, { body: 'x' }),
      ],
      [
        'code-5',
        'MANIFEST_BLOB_UNKNOWN',
        () =>
          on.api
            .pushBlob(name, emptyConfig)
            .then(() => on.api.putManifest(name, 'x', anImage({ layers }))),
      ],
      ['code-6', 'MANIFEST_INVALID', () => on.api.putManifest(name, 'x', '{}')],
      ['code-7', 'MANIFEST_UNKNOWN', () => on.api.get(`/v2/${name}/manifests/none`)],
      ['code-8', 'NAME_INVALID', () => on.api.get('/v2/BAD/tags/list')],
      ['code-9', 'NAME_UNKNOWN', () => on.api.get('/v2/conformance/nowhere/tags/list')],
      [
        'code-10',
        'SIZE_INVALID',
        async () => on.api.patch(await on.api.startUpload(name), 'x', { 'content-range': '0-5' }),
      ],
      ['code-13', 'UNSUPPORTED', () => on.api.send('POST', `/v2/${name}/tags/list`)],
    ];
    for (const [id, code, ask] of cases) {
      clause(id, 'MUST', `${code} is what it is for`, async () => {
        expect((await ask()).codes()).toEqual([code]);
      });
    }
  });
});

onBothFrontEnds(
  'content management switched off',
  { config: { storage: { delete: { enabled: false } } } },
  (on) => {
    clause('end-9.d', 'MUST', 'the deletion of tags and manifests is a 400 or 405', async () => {
      const { digest } = await on.api.pushImage(name, 'v1');
      for (const reference of ['v1', digest]) {
        expect([400, 405]).toContain(
          (await on.api.delete(`/v2/${name}/manifests/${reference}`)).status,
        );
      }
    });

    clause('end-10.c', 'MUST', 'the deletion of blobs is a 400 or 405', async () => {
      const digest = await on.api.pushBlob(name, 'stays');
      expect([400, 405]).toContain((await on.api.delete(`/v2/${name}/blobs/${digest}`)).status);
    });
  },
);

onBothFrontEnds(
  'access',
  { config: { auth: { silly: { realm: 'https://auth.test/token', service: 'test' } } } },
  (on) => {
    clause('code-11', 'MUST', 'UNAUTHORIZED is what it is for', async () => {
      const reply = await on.api.get(`/v2/${name}/tags/list`);
      expect(reply.status).toBe(401);
      expect(reply.codes()).toEqual(['UNAUTHORIZED']);
      expect(reply.headers['www-authenticate']).toMatch(
        /^Bearer realm="https:\/\/auth\.test\/token"/,
      );
    });
  },
);

onBothFrontEnds('policy', { config: { policy: { repository: { classes: ['plugin'] } } } }, (on) => {
  clause('code-12', 'MUST', 'DENIED is what it is for', async () => {
    await on.api.pushBlob(name, emptyConfig);
    const reply = await on.api.putManifest(name, 'x', anImage());
    expect(reply.status).toBe(403);
    expect(reply.codes()).toEqual(['DENIED']);
  });
});
