import { MessageChannel } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { createBufferPool } from '../../../src/http/buffer-pool.ts';

it('gives no more buffers than its bound, and again after one came back', () => {
  const pool = createBufferPool({ bufferBytes: 16, maxBuffers: 2 });
  const first = pool.take(undefined);
  expect(pool.take(undefined)).toHaveLength(16);
  expect(pool.take(undefined)).toBeUndefined();
  expect(pool.outstanding).toBe(2);
  pool.give(first ?? new Uint8Array(0));
  expect(pool.outstanding).toBe(1);
  expect(pool.take(undefined)?.buffer).toBe(first?.buffer);
});

it('takes back a buffer that travelled to another thread and home again', async () => {
  const pool = createBufferPool({ bufferBytes: 16, maxBuffers: 1 });
  const sent = pool.take(undefined) ?? new Uint8Array(0);
  const { port1, port2 } = new MessageChannel();
  const returned = new Promise<Uint8Array>((resolve) => {
    port2.once('message', resolve);
  });
  port1.postMessage(sent.subarray(0, 3), [sent.buffer]);
  const home = await returned;
  port1.close();
  expect(sent).toHaveLength(0);
  pool.give(home);
  expect(pool.take(undefined)?.buffer).toBe(home.buffer);
});

it('drops a buffer of another size, but counts it as returned', () => {
  const pool = createBufferPool({ bufferBytes: 16, maxBuffers: 1 });
  pool.take(undefined);
  const foreign = new Uint8Array(8);
  pool.give(foreign);
  expect(pool.outstanding).toBe(0);
  expect(pool.take(undefined)).toHaveLength(16);
});

it('keeps no more free buffers than it was told', () => {
  const pool = createBufferPool({ bufferBytes: 16, maxBuffers: 2, maxFree: 1 });
  const taken = [pool.take(undefined), pool.take(undefined)];
  for (const buffer of taken) {
    pool.give(buffer ?? new Uint8Array(0));
  }
  const again = [pool.take(undefined)?.buffer, pool.take(undefined)?.buffer];
  expect(again[0]).toBe(taken[0]?.buffer);
  expect(again[1]).not.toBe(taken[1]?.buffer);
});

it('wakes waiters in turn, and passes a buffer on that a waiter does not want', () => {
  const pool = createBufferPool({ bufferBytes: 16, maxBuffers: 1 });
  const buffer = pool.take(undefined) ?? new Uint8Array(0);
  const woken: string[] = [];
  pool.onFree(() => woken.push('left meanwhile'));
  pool.onFree(() => {
    woken.push('takes');
    pool.take(undefined);
  });
  pool.onFree(() => woken.push('next'));
  pool.give(buffer);
  expect(woken).toEqual(['left meanwhile', 'takes']);
  pool.give(buffer);
  expect(woken).toEqual(['left meanwhile', 'takes', 'next']);
});

it('has smaller buffers for bodies that fit one, which come back to their own', () => {
  const pool = createBufferPool({ bufferBytes: 16, smallBufferBytes: 4, maxBuffers: 3 });
  const small = pool.take(4) ?? new Uint8Array(0);
  const large = pool.take(5) ?? new Uint8Array(0);
  expect([small.length, large.length]).toEqual([4, 16]);
  pool.give(large.subarray(0, 5));
  pool.give(small.subarray(0, 1));
  expect(pool.outstanding).toBe(0);
  expect(pool.take(1)?.buffer).toBe(small.buffer);
  expect(pool.take(undefined)?.buffer).toBe(large.buffer);
});

it('counts buffers of both sizes against the one bound', () => {
  const pool = createBufferPool({ bufferBytes: 16, smallBufferBytes: 4, maxBuffers: 2 });
  pool.take(1);
  pool.take(16);
  expect(pool.take(1)).toBeUndefined();
  expect(pool.take(16)).toBeUndefined();
});
