/**
 * Server-side copies: one request up to the threshold, else parts copied side by side. An upload that fails is aborted,
 * so that nobody pays for its parts.
 */

import { CopyObjectCommand, UploadPartCopyCommand } from '@aws-sdk/client-s3';
import { failureOf } from './errors.ts';
import { copySource } from './keys.ts';
import type { ObjectStore } from './object-store.ts';
import { maxParts, mebibyte, type S3Settings } from './settings.ts';
import type { UploadedPart } from './upload-state.ts';

/** An inclusive byte range of the source, as S3 counts them. */
export interface CopyRange {
  readonly number: number;
  readonly first: number;
  readonly last: number;
}

/** Part size for a multipart copy: as configured, grown in whole MiB where 10,000 parts would not reach the end. */
export function copyPartBytes(settings: S3Settings, sizeBytes: number): number {
  const needed = Math.ceil(sizeBytes / maxParts / mebibyte) * mebibyte;
  return Math.max(settings.copyPartBytes, needed);
}

export function copyRanges(sizeBytes: number, partBytes: number): CopyRange[] {
  return Array.from({ length: Math.ceil(sizeBytes / partBytes) }, (_, index) => ({
    number: index + 1,
    first: index * partBytes,
    last: Math.min(sizeBytes, (index + 1) * partBytes) - 1,
  }));
}

/** Replaces `to` by a copy of `from`, which holds `sizeBytes`. */
export async function copyObject(
  store: ObjectStore,
  from: string,
  to: string,
  sizeBytes: number,
): Promise<void> {
  if (sizeBytes <= store.copyThresholdBytes && (await copyWhole(store, from, to))) {
    return;
  }
  const uploadId = await store.createUpload(to);
  try {
    const ranges = copyRanges(sizeBytes, copyPartBytes(store.settings, sizeBytes));
    const parts = await copyParts(store, from, to, uploadId, ranges);
    await store.completeUpload(to, uploadId, parts);
  } catch (error) {
    // The copy's own failure is what the caller must see; a part left behind is found by purgeUploads.
    await store.abortUpload(to, uploadId).catch(() => undefined);
    throw error;
  }
}

/** @returns `false` where the server cannot: Ceph does not copy encrypted objects in one request, only in parts */
async function copyWhole(store: ObjectStore, from: string, to: string): Promise<boolean> {
  try {
    await store.patient.send(
      new CopyObjectCommand({
        Bucket: store.bucket,
        Key: to,
        CopySource: copySource(store.bucket, from),
        ...store.writeHeaders,
      }),
    );
    return true;
  } catch (error) {
    if (failureOf(error).status === 501) {
      return false;
    }
    throw error;
  }
}

/** Copies ranges as parts, at most `multipartcopymaxconcurrency` at a time. All have ended when it returns or throws. */
export async function copyParts(
  store: ObjectStore,
  from: string,
  to: string,
  uploadId: string,
  ranges: readonly CopyRange[],
): Promise<UploadedPart[]> {
  const parts: UploadedPart[] = [];
  const queue = ranges.values();
  let failure: { readonly error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    for (const range of queue) {
      if (failure !== undefined) {
        return;
      }
      try {
        parts.push(await copyPart(store, from, to, uploadId, range));
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  const lanes = Math.min(store.settings.copyConcurrency, ranges.length);
  await Promise.all(Array.from({ length: lanes }, lane));
  if (failure !== undefined) {
    throw failure.error;
  }
  return parts.sort((left, right) => left.number - right.number);
}

async function copyPart(
  store: ObjectStore,
  from: string,
  to: string,
  uploadId: string,
  range: CopyRange,
): Promise<UploadedPart> {
  const output = await store.patient.send(
    new UploadPartCopyCommand({
      Bucket: store.bucket,
      Key: to,
      UploadId: uploadId,
      PartNumber: range.number,
      CopySource: copySource(store.bucket, from),
      CopySourceRange: `bytes=${range.first}-${range.last}`,
    }),
  );
  return {
    number: range.number,
    etag: output.CopyPartResult?.ETag ?? '',
    sizeBytes: range.last - range.first + 1,
  };
}
