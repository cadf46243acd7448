/** How the chunks of an upload are hashed: natively where that can go on, with a state where it may have to travel. */

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RepositoryName } from '../../../src/oci/reference.ts';
import { WorkerPool } from '../../../src/pool/worker-pool.ts';
import { type UploadSession, UploadSessions } from '../../../src/registry/upload-session.ts';
import { type BodyStore, inlineBodyStore } from '../../../src/storage/body-store.ts';
import type { StorageDriver } from '../../../src/storage/driver.ts';
import { createFilesystemDriver } from '../../../src/storage/drivers/filesystem/driver.ts';
import { createMemoryDriver } from '../../../src/storage/drivers/memory/driver.ts';
import { splitBodyStore } from '../../../src/storage/split-body-store.ts';
import type { HashPlan } from '../../../src/storage/upload-hash.ts';
import { aBody } from '../../support/bodies.ts';
import { noise } from '../../support/bytes.ts';
import { aContext } from '../../support/registry-context.ts';
import { type TempFolder, tempFolder } from '../../support/temp-folder.ts';

const name = 'a/b' as RepositoryName;
const mebibyte = 1024 * 1024;
const smallBodyBytes = 131_072;
const content = noise(20 * mebibyte);
const entry = new URL('../../../dist/src/worker/entry.js', import.meta.url);

let folder: TempFolder;
let driver: StorageDriver;
let workers: WorkerPool;
/** What was asked of the stores, in short. */
let asked: string[];

beforeAll(async () => {
  folder = await tempFolder();
  const options = { rootdirectory: folder.path, maxthreads: 100 };
  driver = createFilesystemDriver(options);
  workers = new WorkerPool(
    { count: 2, queue: 100, inflightbytes: 64 * mebibyte, smallbody: smallBodyBytes },
    { name: 'filesystem', options },
    entry,
  );
});
afterAll(async () => {
  await workers.close();
  await folder.remove();
});
beforeEach(() => {
  asked = [];
});

/** `large kept`: the store of large bodies was given a chunk to hash with the hash it keeps. */
function recorded(store: BodyStore, which: string): BodyStore {
  return {
    ...store,
    append(request, body) {
      asked.push(`${which} ${planText(request.hash)}`);
      return store.append(request, body);
    },
    publish: (from, to) => store.publish(from, to),
    digestFile(path, algorithms) {
      asked.push('read');
      return store.digestFile(path, algorithms);
    },
    hashFurther(request) {
      asked.push(`further ${request.from}-${request.to}`);
      return store.hashFurther(request);
    },
  };
}

function planText(plan: HashPlan): string {
  return plan.kind === 'resumable' && plan.keep === true ? 'resumable and kept' : plan.kind;
}

/** The sessions of an instance. */
function anInstance(on: StorageDriver = driver, large: BodyStore = workers): UploadSessions {
  const bodies = splitBodyStore(
    recorded(inlineBodyStore(on), 'small'),
    recorded(large, 'large'),
    smallBodyBytes,
  );
  return new UploadSessions(aContext(on, { bodies }));
}

async function sendChunk(
  uploads: UploadSessions,
  { id, sizeBytes, startedAtMs }: UploadSession,
  chunkBytes: number,
): Promise<UploadSession> {
  const end = sizeBytes + chunkBytes;
  const claim = { offset: sizeBytes, startedAtMs, range: { start: sizeBytes, end: end - 1 } };
  return uploads.append(name, id, claim, aBody(content.subarray(sizeBytes, end)));
}

async function send(uploads: UploadSessions, sizes: readonly number[]): Promise<UploadSession> {
  let session = await uploads.start(name);
  for (const chunkBytes of sizes) {
    session = await sendChunk(uploads, session, chunkBytes);
  }
  return session;
}

async function finish(uploads: UploadSessions, session: UploadSession): Promise<void> {
  const { id, sizeBytes, startedAtMs } = session;
  const digest = `sha256:${createHash('sha256').update(content.subarray(0, sizeBytes)).digest('hex')}`;
  const claim = { offset: sizeBytes, startedAtMs };
  const none = aBody(Buffer.alloc(0));
  const facts = await uploads.commit(name, id, claim, none, digest as never);
  expect(facts.sizeBytes).toBe(sizeBytes);
}

describe('an upload in large chunks', () => {
  it('is hashed natively from the first chunk to the last, a small rest included', async () => {
    const uploads = anInstance();
    const session = await send(uploads, [5 * mebibyte, 5 * mebibyte, 5 * mebibyte, 1000]);
    await finish(uploads, session);
    expect(asked).toEqual(Array(4).fill('large kept'));
  });

  it('has states saved as long as it holds little', async () => {
    const uploads = anInstance();
    const session = await send(uploads, [mebibyte, 2 * mebibyte, 2 * mebibyte, mebibyte]);
    await finish(uploads, session);
    expect(asked).toEqual([
      'large resumable and kept',
      'large resumable and kept',
      'large kept',
      'large kept',
    ]);
  });

  it('goes on from a state at another instance, when the first has ended', async () => {
    const first = anInstance();
    let session = await send(first, [5 * mebibyte, 5 * mebibyte]);
    await first.settle();
    const second = anInstance();
    session = await sendChunk(second, session, 5 * mebibyte);
    await finish(second, session);
    expect(asked).toEqual([
      'large kept',
      'large kept',
      `further 0-${10 * mebibyte}`,
      'large resumable',
    ]);
  });

  it('is read once at commit when an instance goes on without a state', async () => {
    const first = anInstance();
    let session = await send(first, [5 * mebibyte]);
    const second = anInstance();
    session = await sendChunk(second, session, 5 * mebibyte);
    // The hash that a worker kept of the first chunk alone is no use here.
    await expect(sendChunk(first, { ...session, sizeBytes: 5 * mebibyte }, 1000)).rejects.toThrow();
    session = await sendChunk(first, session, 5 * mebibyte);
    await finish(second, session);
    expect(asked.slice(-2)).toEqual(['large none', 'read']);
  });

  it('travels with a state in each chunk once chunks are known to come on from elsewhere', async () => {
    const [first, second] = [anInstance(), anInstance()];
    const travel = async (): Promise<void> => {
      let session = await first.start(name);
      for (const instance of [first, second, first, second]) {
        session = await sendChunk(instance, session, 5 * mebibyte);
      }
      await finish(first, session);
    };
    await travel();
    expect(asked.at(-1)).toBe('read');
    asked = [];
    await travel();
    // The digest that the last chunk left beside its session, or its state, serves the commit.
    expect(asked.slice(0, 4)).toEqual([
      'large resumable and kept',
      'large resumable',
      'large resumable',
      'large resumable',
    ]);
    expect(asked).not.toContain('read');
    expect(asked).not.toContain('large none');
  });

  it('is committed by another instance without reading, right after a chunk', async () => {
    const session = await send(anInstance(), [5 * mebibyte, 5 * mebibyte]);
    await finish(anInstance(), session);
    expect(asked).toEqual(['large kept', 'large kept']);
  });
});

describe('an upload in chunks small and large', () => {
  it('is right, whichever comes when', async () => {
    const uploads = anInstance();
    for (const sizes of [
      [1000, 5 * mebibyte, 1000, 5 * mebibyte],
      [1000, 1000, 1000, 1000, 1000, 5 * mebibyte, 1000],
      [300_000, 1000, 300_000, 1000, 5 * mebibyte, 1000],
      [5 * mebibyte, 1000, 1000, 5 * mebibyte],
    ]) {
      await finish(uploads, await send(uploads, sizes));
    }
  });

  it('loses the hash of its small ones to a large one, and goes on from a state or is read', async () => {
    const uploads = anInstance();
    const sizes = [1000, 1000, 1000, 1000, 1000, 5 * mebibyte];
    await finish(uploads, await send(uploads, sizes));
    expect(asked.slice(3)).toEqual([
      'small resumable and kept',
      'small kept',
      'large none',
      'read',
    ]);
  });
});

it('is hashed with a state throughout where unfinished uploads cannot be read', async () => {
  const memory = createMemoryDriver();
  const uploads = anInstance(memory, inlineBodyStore(memory));
  await finish(uploads, await send(uploads, [5 * mebibyte, 5 * mebibyte]));
  expect(asked).toEqual(['large resumable', 'large resumable']);
});
