/**
 * Takes back bytes that reached an upload too late: another process wrote to it at the same time, or had made a blob of
 * it. Uploads are opened for appending, so that no write replaces what another has stored; a writer whose bytes do not
 * end where they should was not alone (writer.ts, open-uploads.ts). Whoever was told that bytes are stored keeps them:
 * that a size stands for the same bytes for ever is what digests are remembered by (registry/upload-knowledge.ts).
 */

import { createHash, type Hash } from 'node:crypto';
import { closeFile, openFile, openFlags, pathOfOpen, readAt, truncateTo } from './file-calls.ts';

const pieceBytes = 1024 * 1024;
const blobFile: RegExp = /\/blobs\/sha256\/[0-9a-f]{2}\/([0-9a-f]{64})\/data$/;

/**
 * Cuts `bytes`, or what a failed write has stored of them, off the end of an upload that was `startBytes` long or, with
 * bytes of others, longer. Where others wrote behind them they stay: then the upload is broken for everyone, and its
 * client begins again.
 *
 * @param sizeBytes  Of the file now.
 */
export async function cutOwnTail(
  fd: number,
  bytes: Uint8Array,
  startBytes: number,
  sizeBytes: number,
): Promise<void> {
  const count = Math.min(bytes.length, sizeBytes - startBytes);
  if (count > 0 && (await endsWith(fd, bytes.subarray(0, count), sizeBytes))) {
    await truncateTo(fd, sizeBytes - count);
  }
}

/**
 * For bytes written after the file had left the upload. Where it is a blob now, its name tells which of these sizes it
 * had then; a file that was removed needs nothing.
 *
 * @param sizes  In front of the bytes that may be too many.
 */
export async function takeBackFromBlob(fd: number, sizes: readonly number[]): Promise<void> {
  const file = pathOfOpen(fd);
  const digest = file === undefined ? undefined : blobFile.exec(file)?.[1];
  if (file === undefined || digest === undefined) {
    return;
  }
  const size = await sizeWithDigest(file, digest, sizes);
  if (size !== undefined) {
    await truncateTo(fd, size);
  }
}

async function endsWith(fd: number, bytes: Uint8Array, sizeBytes: number): Promise<boolean> {
  const file = pathOfOpen(fd);
  if (file === undefined) {
    return false;
  }
  const reader = await openFile(file, openFlags.read);
  try {
    const tail = new Uint8Array(bytes.length);
    let count = 0;
    while (count < tail.length) {
      const piece = tail.subarray(count);
      const at = sizeBytes - tail.length + count;
      const read = await readAt(reader, piece, piece.length, at);
      if (read === 0) {
        return false;
      }
      count += read;
    }
    return Buffer.compare(tail, bytes) === 0;
  } finally {
    closeFile(reader);
  }
}

/** Which of `sizes` the file must be cut to so that its digest is right; `undefined` when it is right as it is, or with none. */
async function sizeWithDigest(
  file: string,
  digest: string,
  sizes: readonly number[],
): Promise<number | undefined> {
  const hash = createHash('sha256');
  const reader = await openFile(file, openFlags.read);
  const piece = Buffer.allocUnsafe(pieceBytes);
  let found: number | undefined;
  try {
    let at = 0;
    for (const end of [...sizes].sort((one, other) => one - other)) {
      at = await hashUpTo(reader, hash, piece, at, end);
      if (at === end && hash.copy().digest('hex') === digest) {
        found = end;
      }
    }
    await hashUpTo(reader, hash, piece, at, Number.POSITIVE_INFINITY);
  } finally {
    closeFile(reader);
  }
  return hash.digest('hex') === digest ? undefined : found;
}

/** Where it stopped: at `end`, or at the end of the file. */
async function hashUpTo(
  fd: number,
  hash: Hash,
  piece: Buffer,
  start: number,
  end: number,
): Promise<number> {
  let at = start;
  while (at < end) {
    const count = await readAt(fd, piece, Math.min(piece.length, end - at), at);
    if (count === 0) {
      break;
    }
    hash.update(piece.subarray(0, count));
    at += count;
  }
  return at;
}
