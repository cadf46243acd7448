/** The storage thread: takes batches of driver calls, starts them in order, answers in batches as they end. */

import type { MessagePort } from 'node:worker_threads';
import { bytesSource } from '../bytes.ts';
import { type AppendRequest, appendUpload } from '../storage/append-upload.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { failure } from './failure.ts';
import type { StorageAnswer, StorageCall, StorageMethod, WorkerResult } from './protocol.ts';

/**
 * A batch that keeps the thread so long without waiting for the disk is answered so far: else whoever asked first stands
 * idle until the last is done, and then this thread until they ask again.
 */
const longBatchMs = 1;

/** Resolves when the other side closes the port. */
export async function serveStorage(
  opening: Promise<StorageDriver>,
  port: MessagePort,
): Promise<undefined> {
  const driver = await opening;
  let answers: StorageAnswer[] = [];
  const send = (): void => {
    const batch = answers;
    if (batch.length === 0) {
      return;
    }
    answers = [];
    port.postMessage(
      batch,
      batch.map(([, , buffer]) => buffer).filter((buffer) => buffer !== undefined),
    );
  };
  const answer = (id: number, result: WorkerResult<unknown>, buffer?: ArrayBuffer): void => {
    // Whatever else ends in this turn of the loop goes with the same message.
    if (answers.push(buffer === undefined ? [id, result] : [id, result, buffer]) === 1) {
      setImmediate(send);
    }
  };
  const startAll = async (batch: readonly StorageCall[]): Promise<void> => {
    let sentAtMs = performance.now();
    for (const [id, method, args] of batch) {
      const buffer = method === 'appendUpload' ? bufferOf(args[1]) : undefined;
      run(driver, method, args).then(
        (value) => answer(id, { ok: true, value }, buffer),
        (error: unknown) => answer(id, failure(error), buffer),
      );
      // Lets what has ended already take its answer down; the loop does not turn meanwhile.
      await undefined;
      const nowMs = performance.now();
      if (nowMs - sentAtMs > longBatchMs) {
        send();
        sentAtMs = nowMs;
      }
    }
  };
  port.on('message', (batch: readonly StorageCall[]) => void startAll(batch));
  await new Promise<void>((resolve) => port.once('close', () => resolve()));
  return undefined;
}

function bufferOf(bytes: unknown): ArrayBuffer {
  return (bytes as Uint8Array<ArrayBuffer>).buffer;
}

function run(
  driver: StorageDriver,
  method: StorageMethod,
  args: readonly unknown[],
): Promise<unknown> {
  if (method === 'appendUpload') {
    const [request, bytes] = args as [AppendRequest, Uint8Array];
    return appendUpload(driver, request, bytesSource(bytes));
  }
  const call = driver[method] as (...args: unknown[]) => Promise<unknown>;
  return call.apply(driver, [...args]);
}
