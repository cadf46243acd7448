/** A chunk goes through the open upload or through the storage thread, and its hash goes on in either case. */

import { beforeEach, expect, it } from 'vitest';
import { appendChunk } from '../../../src/pool/append-chunk.ts';
import type { StorageThread } from '../../../src/pool/storage-thread.ts';
import type { AppendOutcome, AppendRequest } from '../../../src/storage/append-upload.ts';
import type { Digests, HashPlan } from '../../../src/storage/upload-hash.ts';
import { noise, sha256 } from '../../support/bytes.ts';

type Way = 'open' | 'thread' | 'fails';

const chunkBytes = 5000;
const content = noise(6 * chunkBytes);
const kept: HashPlan = { kind: 'kept', by: 'small' };
let uploads = 0;
let path: string;
let planned: HashPlan[];
let givenBack: number;

beforeEach(() => {
  uploads += 1;
  path = `/uploads/${uploads}/data`;
  planned = [];
  givenBack = 0;
});

function append(n: number, way: Way, hash: HashPlan = kept): Promise<AppendOutcome> {
  const offset = n * chunkBytes;
  const bytes = Buffer.from(content.subarray(offset, offset + chunkBytes));
  const thread = {
    append(
      request: AppendRequest,
      sent: Uint8Array,
      giveBack: (buffer: Uint8Array) => void,
    ): Promise<AppendOutcome> {
      planned.push(request.hash);
      giveBack(sent);
      const times = { hashMs: 0, storageMs: 1 };
      return Promise.resolve({ sizeBytes: offset + sent.length, digests: {}, times });
    },
  };
  return appendChunk({
    thread: thread as unknown as StorageThread,
    openUploads: {
      append: () =>
        way === 'fails' ? Promise.reject(new Error('disk full')) : Promise.resolve(way === 'open'),
      forget: () => {},
    },
    request: { path, offset, hash },
    bytes,
    giveBack: (buffer) => {
      // The next body goes into it.
      buffer.fill(0);
      givenBack += 1;
    },
  });
}

const digestsOf = ({ digests, late }: AppendOutcome): Digests => late?.() ?? digests;
const digestUpTo = (chunks: number): string => sha256(content.subarray(0, chunks * chunkBytes));

it('tells the digest of all bytes so far, whichever way the chunks went', async () => {
  const ways: Way[] = ['thread', 'open', 'open', 'thread', 'open', 'thread'];
  for (const [n, way] of ways.entries()) {
    const outcome = await append(n, way);
    expect(outcome.sizeBytes).toBe((n + 1) * chunkBytes);
    expect(digestsOf(outcome)).toEqual({ sha256: digestUpTo(n + 1) });
  }
  expect(planned).toEqual([{ kind: 'none' }, { kind: 'none' }, { kind: 'none' }]);
  expect(givenBack).toBe(ways.length);
});

it('does not let a client wait for the hash, and keeps the bytes until it is made', async () => {
  await append(0, 'open');
  const second = await append(1, 'open');
  expect(givenBack).toBe(1);
  await append(2, 'open');
  const last = await append(3, 'open');
  expect(givenBack).toBe(3);
  await new Promise((resolve) => setImmediate(resolve));
  expect(givenBack).toBe(4);
  expect(digestsOf(last)).toEqual({ sha256: digestUpTo(4) });
  expect(digestsOf(second)).toEqual({});
});

it('makes the file of a first chunk on the storage thread, and saves states there', async () => {
  await append(0, 'open');
  const resumable: HashPlan = { kind: 'resumable', keep: true };
  const { digests } = await append(1, 'open', resumable);
  expect(planned).toEqual([{ kind: 'none' }, { kind: 'resumable', keep: false }]);
  expect(digests.sha256).toBe(digestUpTo(2));
});

it('has no digest once a chunk in between was not hashed here', async () => {
  await append(0, 'open');
  expect(digestsOf(await append(2, 'open'))).toEqual({});
});

it('has no digest after a chunk that was not stored', async () => {
  await append(0, 'open');
  await expect(append(1, 'fails')).rejects.toThrow('disk full');
  expect(givenBack).toBe(2);
  expect(digestsOf(await append(1, 'open'))).toEqual({});
});
