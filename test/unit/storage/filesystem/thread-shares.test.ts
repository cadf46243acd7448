import { expect, it } from 'vitest';
import { shareThreads } from '../../../../src/storage/drivers/filesystem/thread-shares.ts';

it.each([
  [100, 1],
  [100, 2],
  [100, 16],
  [25, 2],
  [25, 8],
  [25, 13],
  [1000, 64],
])('maxthreads %i is not exceeded with %i workers', (maxthreads, workers) => {
  const shares = shareThreads({ rootdirectory: '/data', maxthreads }, workers);
  const each = [shares.main, shares.storageThread, ...Array(workers).fill(shares.worker)];
  const sum = each.reduce((total, share) => total + share.maxthreads, 0);
  expect(sum).toBeLessThanOrEqual(maxthreads);
  expect(sum).toBeGreaterThan(maxthreads / 2);
  expect(Math.min(...each.map((share) => share.maxthreads))).toBeGreaterThanOrEqual(1);
});

it('every thread may do something, however many there are', () => {
  const { worker } = shareThreads({ rootdirectory: '/data', maxthreads: 25 }, 256);
  expect(worker).toEqual({ rootdirectory: '/data', maxthreads: 1 });
});
