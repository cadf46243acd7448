/**
 * Finds multipart uploads that S3 holds open: those begun by Distribution (which keeps no note of them) and leftovers.
 * Follows both markers; S3 ignores an upload-id marker that comes alone.
 */

import { ListMultipartUploadsCommand, ListPartsCommand } from '@aws-sdk/client-s3';
import type { ObjectStore } from './object-store.ts';
import type { UploadedPart } from './upload-state.ts';

export interface OpenUpload {
  readonly key: string;
  readonly uploadId: string;
  readonly initiatedAtMs: number;
}

export async function* openUploads(
  store: ObjectStore,
  prefix: string,
): AsyncGenerator<OpenUpload, void, void> {
  let keyMarker: string | undefined;
  let uploadIdMarker: string | undefined;
  for (;;) {
    const page = await store.patient.send(
      new ListMultipartUploadsCommand({
        Bucket: store.bucket,
        ...(prefix !== '' && { Prefix: prefix }),
        ...(keyMarker !== undefined && { KeyMarker: keyMarker }),
        ...(uploadIdMarker !== undefined && { UploadIdMarker: uploadIdMarker }),
      }),
    );
    for (const upload of page.Uploads ?? []) {
      if (upload.Key !== undefined && upload.UploadId !== undefined) {
        yield {
          key: upload.Key,
          uploadId: upload.UploadId,
          initiatedAtMs: upload.Initiated?.getTime() ?? 0,
        };
      }
    }
    if (!page.IsTruncated || page.NextKeyMarker === undefined) {
      return;
    }
    keyMarker = page.NextKeyMarker;
    uploadIdMarker = page.NextUploadIdMarker;
  }
}

/** The newest upload open at exactly this key. */
export async function findUpload(store: ObjectStore, key: string): Promise<OpenUpload | undefined> {
  let newest: OpenUpload | undefined;
  for await (const upload of openUploads(store, key)) {
    if (upload.key === key && upload.initiatedAtMs >= (newest?.initiatedAtMs ?? 0)) {
      newest = upload;
    }
  }
  return newest;
}

export async function listParts(store: ObjectStore, upload: OpenUpload): Promise<UploadedPart[]> {
  const parts: UploadedPart[] = [];
  let marker: string | undefined;
  do {
    const page = await store.client.send(
      new ListPartsCommand({
        Bucket: store.bucket,
        Key: upload.key,
        UploadId: upload.uploadId,
        ...(marker !== undefined && { PartNumberMarker: marker }),
      }),
    );
    for (const part of page.Parts ?? []) {
      parts.push({
        number: part.PartNumber ?? 0,
        etag: part.ETag ?? '',
        sizeBytes: part.Size ?? 0,
      });
    }
    marker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
  } while (marker !== undefined);
  return parts.sort((left, right) => left.number - right.number);
}
