/**
 * Bodies to push: each one new to the server, at next to no cost for the client. All of a size share a filler and its
 * hash state and differ in their last 32 bytes, so a gigabyte's digest takes one small update.
 */

import { createHash, type Hash, randomBytes } from 'node:crypto';
import type { RequestBody } from './connection.ts';

export interface Content extends RequestBody {
  readonly digest: string;
  /** The bytes from `start` up to, and without, `end`. */
  slice(start: number, end: number): RequestBody;
}

export const KiB: number = 1024;
export const MiB: number = 1024 * KiB;
export const GiB: number = 1024 * MiB;

const tailBytes = 32;
const filler = randomBytes(MiB);
const prefixes = new Map<number, Hash>();

/** A blob no server has seen. `sizeBytes` is at least 32. */
export function uniqueBlob(sizeBytes: number): Content {
  const tail = randomBytes(tailBytes);
  const digest = `sha256:${prefixHash(sizeBytes).copy().update(tail).digest('hex')}`;
  const slice = (start: number, end: number): RequestBody => ({
    sizeBytes: end - start,
    parts: () => parts(sizeBytes, tail, start, end),
  });
  return { digest, sizeBytes, slice, parts: () => parts(sizeBytes, tail, 0, sizeBytes) };
}

/** A small document as a blob: an image's config, or a manifest. */
export function textBlob(text: string): Content {
  const bytes = Buffer.from(text);
  return {
    digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
    sizeBytes: bytes.length,
    parts: () => [bytes],
    slice: (start, end) => ({ sizeBytes: end - start, parts: () => [bytes.subarray(start, end)] }),
  };
}

function prefixHash(sizeBytes: number): Hash {
  const known = prefixes.get(sizeBytes);
  if (known !== undefined) {
    return known;
  }
  const hash = createHash('sha256');
  for (let left = sizeBytes - tailBytes; left > 0; left -= filler.length) {
    hash.update(filler.subarray(0, Math.min(left, filler.length)));
  }
  prefixes.set(sizeBytes, hash);
  return hash;
}

function* parts(
  sizeBytes: number,
  tail: Buffer,
  start: number,
  end: number,
): Generator<Buffer, void, void> {
  const tailStart = sizeBytes - tailBytes;
  for (let at = start; at < Math.min(end, tailStart); ) {
    const from = at % filler.length;
    const piece = filler.subarray(from, from + Math.min(end, tailStart) - at);
    yield piece;
    at += piece.length;
  }
  if (end > tailStart) {
    yield tail.subarray(Math.max(0, start - tailStart), end - tailStart);
  }
}
