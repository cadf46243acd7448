/** Mounting a blob from another repository. distribution-spec "Mounting a blob from another repository". */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestOf } from '../support/api-client.ts';
import { onBothFrontEnds } from '../support/api-suite.ts';

onBothFrontEnds('mount', {}, (on) => {
  const mount = (target: string, query: string) =>
    on.api.send('POST', `/v2/${target}/blobs/uploads/?${query}`, { body: '' });

  test('a blob of `from` is mounted without an upload', async () => {
    const digest = await on.api.pushBlob('m/source', 'mounted');
    const reply = await mount('m/target', `mount=${digest}&from=m/source`);
    expect(reply.status).toBe(201);
    expect(reply.headers).toMatchObject({
      location: `http://127.0.0.1:${on.api.port}/v2/m/target/blobs/${digest}`,
      'docker-content-digest': digest,
      'content-length': '0',
    });
    expect(reply.headers).not.toHaveProperty('docker-upload-uuid');
    expect((await on.api.get(`/v2/m/target/blobs/${digest}`)).text).toBe('mounted');
  });

  test('without `from` a blob that lies elsewhere is mounted', async () => {
    const digest = await on.api.pushBlob('m/anywhere', 'found by digest');
    const reply = await mount('m/finder', `mount=${digest}`);
    expect(reply.status).toBe(201);
    expect((await on.api.get(`/v2/m/finder/blobs/${digest}`)).text).toBe('found by digest');
  });

  test('without `from` a deleted blob is not mounted', async () => {
    const digest = await on.api.pushBlob('m/brief', 'briefly here');
    await on.api.delete(`/v2/m/brief/blobs/${digest}`);
    expect((await mount('m/late', `mount=${digest}`)).status).toBe(202);
  });

  test.each([
    ['of an unknown blob', `mount=${digestOf('nowhere')}&from=m/source`],
    ['of an unknown blob without `from`', `mount=${digestOf('nowhere')}`],
    ['from an unknown repository', `mount=${digestOf('mounted')}&from=m/none`],
    ['from a bad name', `mount=${digestOf('mounted')}&from=../..`],
    ['of a bad digest', 'mount=sha256:abc&from=m/source'],
    ['of nothing', 'mount=&from=m/source'],
    ['with `from` alone', 'from=m/source'],
  ])('a mount %s becomes an upload', async (_, query) => {
    const reply = await mount('m/fallback', query);
    expect(reply.status).toBe(202);
    expect(reply.headers.range).toBe('0-0');
    const content = 'uploaded instead';
    const done = await on.api.finishUpload(
      String(reply.headers.location),
      digestOf(content),
      content,
    );
    expect(done.status).toBe(201);
  });

  test.each(['sha384', 'sha512'])('a mount by %s can be pulled by it', async (algorithm) => {
    const content = `mounted by ${algorithm}`;
    const digest = digestOf(content, algorithm);
    const location = await on.api.startUpload('m/long');
    await on.api.finishUpload(location, digest, content);
    const reply = await mount('m/long-target', `mount=${digest}&from=m/long`);
    expect(reply.status).toBe(201);
    expect((await on.api.get(`/v2/m/long-target/blobs/${digest}`)).text).toBe(content);
    expect((await on.api.get(`/v2/m/long-target/blobs/${digestOf(content)}`)).text).toBe(content);
  });

  test('a mount onto itself succeeds', async () => {
    const digest = await on.api.pushBlob('m/self', 'mine');
    expect((await mount('m/self', `mount=${digest}&from=m/self`)).status).toBe(201);
  });
});

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-test-'));
  const users = ['admin', 'ci'].map((user) => `${user}:${hashSync('pw', 4)}\n`);
  await writeFile(join(folder, 'htpasswd'), users.join(''));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const htpasswdWithRules = {
  realm: 'test',
  access: [
    { users: ['admin'], repository: '**', actions: ['*'] },
    { users: ['ci'], repository: 'team/**', actions: ['pull', 'push'] },
  ],
};

onBothFrontEnds(
  'mount with access rules',
  () => ({
    config: { auth: { htpasswd: { ...htpasswdWithRules, path: join(folder, 'htpasswd') } } },
  }),
  (on) => {
    const as = (user: string): Record<string, string> => ({
      authorization: `Basic ${Buffer.from(`${user}:pw`).toString('base64')}`,
    });
    const post = (user: string, target: string, body = '') =>
      on.api.send('POST', target, { headers: as(user), body });

    test.each(['&from=private/x', ''])(
      'what the caller may not pull is not mounted but uploaded (%s)',
      async (from) => {
        const secret = `a secret${from}`;
        const digest = digestOf(secret);
        const pushed = await post('admin', `/v2/private/x/blobs/uploads/?digest=${digest}`, secret);
        expect(pushed.status).toBe(201);
        const reply = await post('ci', `/v2/team/a/blobs/uploads/?mount=${digest}${from}`);
        expect(reply.status).toBe(202);
        const head = await on.api.head(`/v2/team/a/blobs/${digest}`, as('ci'));
        expect(head.status).toBe(404);
        const admin = await post('admin', `/v2/team/b/blobs/uploads/?mount=${digest}${from}`);
        expect(admin.status).toBe(201);
      },
    );

    test.each(['&from=team/source', ''])('what the caller may pull is (%s)', async (from) => {
      const digest = digestOf('of the team');
      await post('ci', `/v2/team/source/blobs/uploads/?digest=${digest}`, 'of the team');
      const reply = await post('ci', `/v2/team/c/blobs/uploads/?mount=${digest}${from}`);
      expect(reply.status).toBe(201);
    });
  },
);
