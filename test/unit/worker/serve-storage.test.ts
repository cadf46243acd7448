/** Batches of calls on the storage thread, over a real port: what is answered when. Time is the test's own. */

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { StorageDriver } from '../../../src/storage/driver.ts';
import type { StorageAnswer, StorageCall } from '../../../src/worker/protocol.ts';
import { serveStorage } from '../../../src/worker/serve-storage.ts';

let port: MessagePort;
let served: Promise<unknown>;
let nowMs: number;
/** Numbers of the calls that each message answers. */
let messages: number[][];
let started: string[];

beforeEach(() => {
  nowMs = 0;
  messages = [];
  started = [];
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  const { port1, port2 } = new MessageChannel();
  port = port1;
  port.on('message', (answers: readonly StorageAnswer[]) => {
    messages.push(answers.map(([id]) => id));
  });
  // `stat` keeps the thread for as long as its path says; `get` waits, as for a disk.
  const driver = {
    stat(path: string): Promise<undefined> {
      started.push(path);
      nowMs += Number(path);
      return Promise.resolve(undefined);
    },
    async get(path: string): Promise<Buffer> {
      started.push(path);
      await new Promise((resolve) => setImmediate(resolve));
      throw new TypeError('gone');
    },
  };
  served = serveStorage(Promise.resolve(driver as unknown as StorageDriver), port2);
});

afterEach(async () => {
  vi.restoreAllMocks();
  port.close();
  await served;
});

/** Resolves when every call of the batch was answered. */
async function send(...batch: StorageCall[]): Promise<void> {
  port.postMessage(batch);
  await vi.waitUntil(() => messages.flat().length >= batch.length, 10_000);
  await new Promise((resolve) => setTimeout(resolve, 5));
}

it('answers calls that end at once with one message', async () => {
  await send([1, 'stat', ['0']], [2, 'stat', ['0.5']], [3, 'stat', ['0.5']]);
  expect(messages).toEqual([[1, 2, 3]]);
});

it('answers so far when a batch keeps the thread', async () => {
  await send(
    [1, 'stat', ['0.7']],
    [2, 'stat', ['0.7']],
    [3, 'stat', ['0.7']],
    [4, 'stat', ['0.7']],
    [5, 'stat', ['0.7']],
  );
  expect(messages).toEqual([[1, 2], [3, 4], [5]]);
});

it('starts calls in their order, and goes on past those that wait or fail', async () => {
  await send([1, 'stat', ['2']], [2, 'get', ['3']], [3, 'stat', ['4']], [4, 'stat', ['0']]);
  expect(started).toEqual(['2', '3', '4', '0']);
  expect(messages.flat().sort()).toEqual([1, 2, 3, 4]);
  expect(messages[0]).toEqual([1]);
});

it('sends no message without an answer', async () => {
  await send([1, 'get', ['3']], [2, 'get', ['3']]);
  expect(messages).toEqual([[1, 2]]);
});
