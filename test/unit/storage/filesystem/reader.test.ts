/** Buffers of file readers: whose they are, and when they serve the next one. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ByteSource } from '../../../../src/bytes.ts';
import { openReader } from '../../../../src/storage/drivers/filesystem/reader.ts';
import { type TempFolder, tempFolder } from '../../../support/temp-folder.ts';

const KiB = 1024;
let folder: TempFolder;
let file: string;

beforeEach(async () => {
  folder = await tempFolder();
  file = join(folder.path, 'data');
  await writeFile(file, Buffer.alloc(600 * KiB, 'content '));
});

afterEach(() => folder.remove());

const open = (offset: number, endOffset: number, signal?: AbortSignal): Promise<ByteSource> =>
  openReader(file, '/data', { offset, endOffset, signal });

/** Reads to the end; gives the memory that the last piece lay in. */
async function drain(source: ByteSource): Promise<ArrayBufferLike | undefined> {
  let memory: ArrayBufferLike | undefined;
  for (let piece = await source.read(); piece !== undefined; piece = await source.read()) {
    expect(piece.subarray(0, 8)).toEqual(Buffer.from('content '));
    memory = piece.buffer;
  }
  return memory;
}

it.each([
  { size: 'small', endOffset: 64 * KiB, memoryBytes: 64 * KiB },
  { size: 'large', endOffset: 600 * KiB, memoryBytes: 256 * KiB },
])('a $size buffer serves the next reader once it is released', async (given) => {
  const first = await open(0, given.endOffset);
  const memory = await drain(first);
  expect(memory?.byteLength).toBe(given.memoryBytes);
  first.release?.();
  first.release?.();
  const [second, third] = [await open(0, given.endOffset), await open(0, given.endOffset)];
  expect(await drain(second)).toBe(memory);
  // Released twice, given once.
  expect(await drain(third)).not.toBe(memory);
});

it('keeps its buffer when it was not released', async () => {
  const first = await open(0, 64 * KiB);
  const memory = await drain(first);
  first.cancel();
  expect(await drain(await open(0, 64 * KiB))).not.toBe(memory);
});

it('keeps its buffer when it was given up, ended early or aborted', async () => {
  const early = await open(0, 600 * KiB);
  const ofEarly = (await early.read())?.buffer;
  early.release?.();
  early.cancel();
  early.release?.();
  const abort = new AbortController();
  const aborted = await open(0, 600 * KiB, abort.signal);
  const ofAborted = (await aborted.read())?.buffer;
  abort.abort();
  aborted.release?.();
  for (let turn = 0; turn < 3; turn += 1) {
    const memory = await drain(await open(0, 600 * KiB));
    expect([ofEarly, ofAborted]).not.toContain(memory);
  }
});

it('gives each of many readers at once a buffer of its own, and what it read', async () => {
  for (let turn = 0; turn < 3; turn += 1) {
    const sources = await Promise.all(
      Array.from({ length: 40 }, (_, at) => open(8 * at * KiB, 8 * at * KiB + 64 * KiB)),
    );
    const pieces = await Promise.all(sources.map((source) => source.read()));
    expect(new Set(pieces.map((piece) => piece?.buffer)).size).toBe(40);
    for (const piece of pieces) {
      expect(piece?.length).toBe(64 * KiB);
    }
    for (const source of sources) {
      source.release?.();
    }
  }
});
