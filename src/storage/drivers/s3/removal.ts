/**
 * Deletes: a file or a subtree in batches, never a sibling that shares a prefix; and multipart uploads that nobody will
 * finish. Knows which stores cannot delete in batches.
 */

import { DeleteObjectsCommand } from '@aws-sdk/client-s3';
import { DriverCode, DriverError } from '../../driver.ts';
import { failureOf } from './errors.ts';
import { stateSuffix } from './keys.ts';
import { listPage } from './list-page.ts';
import { openUploads } from './multipart-list.ts';
import type { ObjectStore } from './object-store.ts';
import { driverName } from './settings.ts';
import type { UploadStates } from './upload-state.ts';

/** Single deletes that run at a time where a store refuses batches. */
const singleDeletes = 16;
const busyKeyCodes: ReadonlySet<string> = new Set([
  'SlowDown',
  'InternalError',
  'ServiceUnavailable',
]);
/** Rounds over the keys that a store was too busy to delete. */
const busyRounds = 4;

export class Remover {
  readonly #store: ObjectStore;
  readonly #states: UploadStates;
  #hasBatches = true;

  constructor(store: ObjectStore, states: UploadStates) {
    this.#store = store;
    this.#states = states;
  }

  /**
   * Removes the object at `key`, its unfinished upload, and everything below `key/`.
   *
   * @returns  Whether anything was there.
   */
  async removeTree(key: string): Promise<boolean> {
    // One list call answers for a file, its siblings and a small directory alike.
    const below = key === '' ? '' : `${key}/`;
    const first = await listPage(this.#store, { prefix: key });
    const firstKeys = first.keys;
    const wanted = firstKeys.filter(
      (found) => found === key || found === key + stateSuffix || found.startsWith(below),
    );
    await this.#remove(wanted);
    let removed = wanted.length;
    if (!first.isTruncated) {
      return removed > 0;
    }
    // More than a page of siblings or children: from here on only what lies below.
    if (
      (firstKeys.at(-1) ?? '') < key + stateSuffix &&
      (await this.#store.tryHead(key + stateSuffix))
    ) {
      await this.#remove([key + stateSuffix]);
      removed += 1;
    }
    for (let startAfter: string | undefined = key; startAfter !== undefined; ) {
      const page = await listPage(this.#store, { prefix: below, startAfter });
      await this.#remove(page.keys);
      removed += page.keys.length;
      startAfter = page.isTruncated ? page.keys.at(-1) : undefined;
    }
    return removed > 0;
  }

  /** Aborts uploads below the prefix that began before the time (`dryRun`: only counts); returns how many. */
  async purgeUploads(prefix: string, olderThanMs: number, dryRun = false): Promise<number> {
    let aborted = 0;
    for await (const upload of openUploads(this.#store, prefix)) {
      if (upload.initiatedAtMs < olderThanMs) {
        if (!dryRun) {
          await this.#store.abortUpload(upload.key, upload.uploadId);
        }
        aborted += 1;
      }
    }
    return aborted;
  }

  async #remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      if (key.endsWith(stateSuffix)) {
        await this.#abortUploadOf(key.slice(0, -stateSuffix.length));
      }
    }
    if (keys.length === 1) {
      await this.#store.deleteOne(keys[0] as string);
    } else if (keys.length > 1) {
      await this.#removeBatch(keys);
    }
  }

  async #abortUploadOf(key: string): Promise<void> {
    const state = await this.#states.peek(key);
    if (state?.uploadId !== undefined) {
      await this.#store.abortUpload(key, state.uploadId);
    }
  }

  async #removeBatch(keys: readonly string[]): Promise<void> {
    let left = keys;
    for (let round = 1; left.length > 0; round += 1) {
      if (!this.#hasBatches) {
        return this.#removeSingly(left);
      }
      const failures = await this.#tryBatch(left);
      if (failures === 'refused') {
        this.#hasBatches = false;
        continue;
      }
      const isBusy = failures.every((failure) => busyKeyCodes.has(failure.code));
      if (failures.length > 0 && (!isBusy || round >= busyRounds)) {
        throw batchError(failures, isBusy);
      }
      left = failures.map((failure) => failure.key);
    }
  }

  async #tryBatch(keys: readonly string[]): Promise<readonly KeyFailure[] | 'refused'> {
    try {
      const output = await this.#store.patient.send(
        new DeleteObjectsCommand({
          Bucket: this.#store.bucket,
          Delete: { Objects: keys.map((key) => ({ Key: key })), Quiet: true },
        }),
      );
      return (output.Errors ?? [])
        .filter((failure) => failure.Code !== 'NoSuchKey')
        .map((failure) => ({
          key: failure.Key ?? '',
          code: failure.Code ?? 'Unknown',
          message: failure.Message ?? '',
        }));
    } catch (error) {
      const { code, status } = failureOf(error);
      const isRefused =
        status === 501 ||
        status === 405 ||
        code === 'MissingContentMD5' ||
        code === 'NotImplemented';
      if (!isRefused) {
        throw error;
      }
      return 'refused';
    }
  }

  async #removeSingly(keys: readonly string[]): Promise<void> {
    const queue = keys.values();
    const lane = async (): Promise<void> => {
      for (const key of queue) {
        await this.#store.deleteOne(key);
      }
    };
    await Promise.all(Array.from({ length: Math.min(singleDeletes, keys.length) }, lane));
  }
}

interface KeyFailure {
  readonly key: string;
  readonly code: string;
  readonly message: string;
}

function batchError(failures: readonly KeyFailure[], isBusy: boolean): DriverError {
  const shown = failures.slice(0, 5).map(({ key, code, message }) => `${key}: ${code} ${message}`);
  const more = failures.length > shown.length ? `, and ${failures.length - shown.length} more` : '';
  return new DriverError(
    driverName,
    isBusy ? DriverCode.unavailable : DriverCode.failed,
    `${failures.length} keys could not be deleted: ${shown.join('; ')}${more}`,
    { retryable: isBusy },
  );
}
