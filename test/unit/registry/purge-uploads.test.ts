import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { purgeUploads } from '../../../src/registry/purge-uploads.ts';
import { UploadSessions } from '../../../src/registry/upload-session.ts';
import { createFilesystemDriver } from '../../../src/storage/drivers/filesystem/driver.ts';
import { layerLinkPath, uploadPath, uploadsPath } from '../../../src/storage/layout.ts';
import { putStartedAt } from '../../../src/storage/upload-store.ts';
import { aContext, driverWith, type TestContext } from '../../support/registry-context.ts';
import { repository, storeBlob, storeImage } from '../../support/stored-images.ts';
import { type TempFolder, tempFolder } from '../../support/temp-folder.ts';

const hourMs = 3_600_000;
const weekMs = 168 * hourMs;
const name = repository('team/app');
const nested = repository('team/app/nested');

let folder: TempFolder;
let context: TestContext;
let nowMs: number;

beforeEach(async () => {
  folder = await tempFolder();
  nowMs = Date.now();
  context = aContext(createFilesystemDriver({ rootdirectory: folder.path, maxthreads: 100 }), {
    now: () => nowMs,
  });
});
afterEach(() => folder.remove());

const onDisk = (path: string): string => join(folder.path, path);
const sessions = async (of = name): Promise<string[]> =>
  (await readdir(onDisk(uploadsPath(of))).catch(() => [])).sort();
const messages = (): string[] => context.lines.map(({ message }) => message);

async function age(path: string, ageMs: number): Promise<void> {
  const at = new Date(nowMs - ageMs);
  for (const entry of await readdir(onDisk(path), { recursive: true })) {
    await utimes(join(onDisk(path), entry), at, at);
  }
  await utimes(onDisk(path), at, at);
}

describe('purging of uploads', () => {
  it('removes sessions older than the age, in every repository, and tells of each', async () => {
    await putStartedAt(context.driver, name, 'old', nowMs - weekMs - 1000);
    await putStartedAt(context.driver, nested, 'old', nowMs - 2 * weekMs);
    await putStartedAt(context.driver, name, 'young', nowMs - weekMs + 5000);
    expect(await purgeUploads(context, { age: weekMs, dryrun: false })).toEqual({
      deleted: 2,
      errors: 0,
    });
    expect(await sessions()).toEqual(['young']);
    expect(await sessions(nested)).toEqual([]);
    const [first, ...more] = messages();
    expect(first).toMatch(/^PurgeUploads starting: olderThan=.*, actuallyDelete=true$/);
    expect(more[0]).toMatch(
      /^Upload files in \/docker\/registry\/v2\/repositories\/team\/app\/_uploads\/old have older date \(.*\) than purge date \(.*\)\. {2}Removing upload directory\.$/,
    );
    expect(more.at(-1)).toBe('Purge uploads finished.  Num deleted=2, num errors=0');
  });

  it('removes a session once the clock has passed its age', async () => {
    const session = await new UploadSessions(context).start(name);
    nowMs += weekMs - 2000;
    expect((await purgeUploads(context, { age: weekMs, dryrun: false })).deleted).toBe(0);
    nowMs += 4000;
    expect((await purgeUploads(context, { age: weekMs, dryrun: false })).deleted).toBe(1);
    await expect(new UploadSessions(context).status(name, session.id)).rejects.toMatchObject({
      code: 'BLOB_UPLOAD_UNKNOWN',
    });
  });

  it('counts and tells in a dry run, and removes nothing', async () => {
    await putStartedAt(context.driver, name, 'old', nowMs - 2 * weekMs);
    const temp = layerLinkPath(name, await storeBlob(context, name, 'x'));
    const stale = `${temp}.01234567-89ab-cdef-0123-456789abcdef.tmp`;
    await writeFile(onDisk(stale), 'half');
    await age(dirname(temp), 2 * weekMs);
    expect(await purgeUploads(context, { age: weekMs, dryrun: true })).toEqual({
      deleted: 1,
      errors: 0,
    });
    expect(await sessions()).toEqual(['old']);
    expect(await folder.files()).toContain(stale);
    expect(messages()[0]).toMatch(/actuallyDelete=false$/);
    expect(messages().some((message) => message.startsWith('Upload files in '))).toBe(true);
    await purgeUploads(context, { age: weekMs, dryrun: false });
    expect(await folder.files()).not.toContain(stale);
  });

  it('judges sessions without a readable start time by the age of their files', async () => {
    for (const id of ['old-stub', 'young-stub', 'torn']) {
      const state = `${uploadPath(name, id)}/hashstates/sha256/0`;
      await mkdir(onDisk(dirname(state)), { recursive: true });
      await writeFile(onDisk(state), Buffer.alloc(108));
    }
    await writeFile(onDisk(`${uploadPath(name, 'torn')}/startedat`), '');
    await age(uploadPath(name, 'old-stub'), 2 * weekMs);
    await age(uploadPath(name, 'torn'), 2 * weekMs);
    expect((await purgeUploads(context, { age: weekMs, dryrun: false })).deleted).toBe(2);
    expect(await sessions()).toEqual(['young-stub']);
  });

  it('leaves blobs, manifests and repositories without uploads alone', async () => {
    await storeImage(context, name, 'v1', 'x');
    const before = await folder.files();
    nowMs += 10 * weekMs;
    await purgeUploads(context, { age: weekMs, dryrun: false });
    expect(await folder.files()).toEqual(before);
  });

  it('finds sessions of repositories that hold nothing else', async () => {
    await putStartedAt(context.driver, nested, 'old', nowMs - 2 * weekMs);
    expect((await purgeUploads(context, { age: weekMs, dryrun: false })).deleted).toBe(1);
  });

  it('counts an error of one repository and goes on with the others', async () => {
    await putStartedAt(context.driver, name, 'old', nowMs - 2 * weekMs);
    await putStartedAt(context.driver, nested, 'old', nowMs - 2 * weekMs);
    const broken = aContext(
      driverWith(context.driver, {
        list: (path, options) =>
          path === uploadsPath(name)
            ? Promise.reject(new Error('bad sector'))
            : context.driver.list(path, options),
      }),
      { now: () => nowMs },
    );
    expect(await purgeUploads(broken, { age: weekMs, dryrun: false })).toEqual({
      deleted: 1,
      errors: 1,
    });
    expect(await sessions()).toEqual(['old']);
    expect(await sessions(nested)).toEqual([]);
  });

  it('stops between repositories when the registry stops', async () => {
    await putStartedAt(context.driver, name, 'old', nowMs - 2 * weekMs);
    const result = await purgeUploads(context, { age: weekMs, dryrun: false }, AbortSignal.abort());
    expect(result.deleted).toBe(0);
  });
});
