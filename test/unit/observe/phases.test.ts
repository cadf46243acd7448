/** Storage and hash times of requests that run side by side. */

import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { RequestClock, type SpentTimes } from '../../../src/observe/phases.ts';

const clock = new RequestClock();

function measured(work: () => Promise<unknown>): Promise<SpentTimes> {
  return clock.measure(async (times) => {
    await work();
    return times;
  });
}

it('keeps the times of requests apart', async () => {
  const [busy, idle] = await Promise.all([
    measured(() => clock.storage(() => delay(30))),
    measured(() => delay(30)),
  ]);
  expect(busy.storageMs).toBeGreaterThan(20);
  expect(idle.storageMs).toBe(0);
});

it('counts calls side by side once', async () => {
  const startedAtMs = performance.now();
  const times = await measured(() =>
    Promise.all([1, 2, 3, 4].map(() => clock.storage(() => delay(30)))),
  );
  expect(times.storageMs).toBeGreaterThan(20);
  expect(times.storageMs).toBeLessThanOrEqual(performance.now() - startedAtMs);
});

it('counts a call that fails, and passes its failure on', async () => {
  const times = await measured(async () => {
    const failing = clock.storage(async () => {
      await delay(20);
      throw new Error('disk');
    });
    await expect(failing).rejects.toThrow('disk');
  });
  expect(times.storageMs).toBeGreaterThan(10);
});

it('adds what was measured elsewhere', async () => {
  const times = await measured(async () => {
    await delay(1);
    clock.spent({ storageMs: 5, hashMs: 7 });
  });
  expect(times).toMatchObject({ storageMs: 5, hashMs: 7 });
});

it('counts what a request opened and somebody else uses', async () => {
  let read = (): Promise<unknown> => Promise.resolve();
  const times = await measured(async () => {
    const bound = clock.bound();
    read = () => bound(() => delay(20));
  });
  expect(times.storageMs).toBe(0);
  await read();
  expect(times.storageMs).toBeGreaterThan(10);
});

it('measures nothing outside of a request', async () => {
  await expect(clock.storage(() => Promise.resolve('done'))).resolves.toBe('done');
  clock.spent({ storageMs: 1, hashMs: 1 });
});
