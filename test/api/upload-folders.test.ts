/**
 * What lies on disk during and after small uploads, however they come: a blob's folder holds its data alone, a
 * repository's link names its blob, and nothing of a finished upload is left but spare sessions.
 */

import fs from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { ApiClient, digestOf, locationOf } from '../support/api-client.ts';
import { type ApiUnderTest, onBothFrontEnds } from '../support/api-suite.ts';
import { startRegistry } from '../support/registry.ts';

const base = 'docker/registry/v2';
let count = 0;

function tests(subject: ApiUnderTest): void {
  let name: string;
  const repository = (): string => join(subject.registry.root, base, 'repositories', name);
  const folderOf = (digest: string): string =>
    join(subject.registry.root, base, 'blobs/sha256', digest.slice(7, 9), digest.slice(7));
  const sessions = (): string[] => fs.readdirSync(join(repository(), '_uploads'));

  beforeEach(() => {
    count += 1;
    name = `folders/r${count}`;
  });

  async function expectStored(bytes: string): Promise<void> {
    const digest = digestOf(bytes);
    expect((await subject.api.get(`/v2/${name}/blobs/${digest}`)).text).toBe(bytes);
    expect(fs.readdirSync(folderOf(digest))).toEqual(['data']);
    const links = join(repository(), '_layers/sha256', digest.slice(7));
    expect(fs.readdirSync(links)).toEqual(['link']);
    expect(fs.readFileSync(join(links, 'link'), 'utf8')).toBe(digest);
    await expectSparesAlone();
  }

  /** What ended goes in the background. */
  async function expectSparesAlone(): Promise<void> {
    await expect
      .poll(() => sessions().map((id) => fs.readdirSync(join(repository(), '_uploads', id))))
      .toSatisfy((all: string[][]) => all.every((files) => files.join() === 'startedat'));
  }

  const unique = (): string => `blob of ${name}`;

  it('a PATCH and a PUT', async () => {
    const { api } = subject;
    const patched = await api.patch(await api.startUpload(name), unique());
    const [id = ''] = sessions();
    const digest = digestOf(unique());
    expect(fs.readFileSync(join(repository(), '_uploads', id, 'link'), 'utf8')).toBe(digest);
    expect((await api.finishUpload(locationOf(patched), digest)).status).toBe(201);
    await expectStored(unique());
  });

  it('many one after the other, in sessions that are used again', async () => {
    const { api } = subject;
    for (let at = 0; at < 12; at += 1) {
      const bytes = `${unique()} ${at % 9}`;
      const patched = await api.patch(await api.startUpload(name), bytes);
      expect((await api.finishUpload(locationOf(patched), digestOf(bytes))).status).toBe(201);
      await expectStored(bytes);
    }
  });

  it('a PUT with a wrong digest in between', async () => {
    const { api } = subject;
    const patched = await api.patch(await api.startUpload(name), unique());
    const wrong = await api.finishUpload(locationOf(patched), digestOf('something else'));
    expect([wrong.status, wrong.codes()]).toEqual([400, ['DIGEST_INVALID']]);
    expect((await api.finishUpload(locationOf(patched), digestOf(unique()))).status).toBe(201);
    await expectStored(unique());
  });

  it('two PATCHes, after which the first one has told too little', async () => {
    const { api } = subject;
    const first = await api.patch(await api.startUpload(name), 'first, ');
    const second = await api.patch(locationOf(first), unique());
    const bytes = `first, ${unique()}`;
    expect((await api.finishUpload(locationOf(second), digestOf(bytes))).status).toBe(201);
    await expectStored(bytes);
  });

  it('a PATCH and the rest in the PUT', async () => {
    const { api } = subject;
    const first = await api.patch(await api.startUpload(name), 'first, ');
    const bytes = `first, ${unique()}`;
    const put = await api.finishUpload(locationOf(first), digestOf(bytes), unique());
    expect(put.status).toBe(201);
    await expectStored(bytes);
  });

  it('a blob that another repository has, or this one', async () => {
    const { api } = subject;
    await api.pushBlob(`${name}/other`, unique());
    for (let round = 0; round < 3; round += 1) {
      const patched = await api.patch(await api.startUpload(name), unique());
      const put = await api.finishUpload(locationOf(patched), digestOf(unique()));
      expect(put.status).toBe(201);
      await expectStored(unique());
    }
  });

  it('a blob whose folder was left without data by a crash', async () => {
    const { api } = subject;
    fs.mkdirSync(folderOf(digestOf(unique())), { recursive: true });
    const patched = await api.patch(await api.startUpload(name), unique());
    expect((await api.finishUpload(locationOf(patched), digestOf(unique()))).status).toBe(201);
    await expectStored(unique());
  });

  it('a blob by its sha512, whose alias names the same data', async () => {
    const { api } = subject;
    const patched = await api.patch(await api.startUpload(name), unique());
    const asked = digestOf(unique(), 'sha512');
    expect((await api.finishUpload(locationOf(patched), asked)).status).toBe(201);
    expect((await api.get(`/v2/${name}/blobs/${asked}`)).text).toBe(unique());
    await expectStored(unique());
  });

  it('an upload that is cancelled, or has no bytes', async () => {
    const { api } = subject;
    const patched = await api.patch(await api.startUpload(name), unique());
    expect((await api.delete(locationOf(patched))).status).toBe(204);
    const empty = await api.patch(await api.startUpload(name), '');
    expect((await api.finishUpload(locationOf(empty), digestOf(''))).status).toBe(201);
    await expectStored('');
  });

  it('the same bytes from many clients at once', async () => {
    const { api } = subject;
    const pushes = Array.from({ length: 16 }, async () => {
      const patched = await api.patch(await api.startUpload(name), unique());
      return (await api.finishUpload(locationOf(patched), digestOf(unique()))).status;
    });
    expect(new Set(await Promise.all(pushes))).toEqual(new Set([201]));
    await expectStored(unique());
  });

  it('a PATCH here and a PUT at another instance', async () => {
    const { api, frontEnd, registry } = subject;
    const patched = await api.patch(await api.startUpload(name), unique());
    const other = await startRegistry({ frontEnd, root: registry.root });
    const otherApi = new ApiClient(other.port);
    try {
      const put = await otherApi.finishUpload(locationOf(patched), digestOf(unique()));
      expect(put.status).toBe(201);
    } finally {
      otherApi.close();
      await other.stop();
    }
    await expectStored(unique());
  });
}

onBothFrontEnds('folders of small uploads', {}, tests);
