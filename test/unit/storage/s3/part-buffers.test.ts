/** Buffers of parts: used again while uploads run, given up when they end. */

import { expect, it } from 'vitest';
import { PartBuffers } from '../../../../src/storage/drivers/s3/part-buffers.ts';

function acquire(buffers: PartBuffers, count: number): Buffer[] {
  return Array.from({ length: count }, () => buffers.acquire(1024));
}

function release(buffers: PartBuffers, used: readonly Buffer[]): void {
  for (const buffer of used) {
    buffers.release(buffer);
  }
}

it('hands the same buffers out again while as many are in use', () => {
  const buffers = new PartBuffers();
  const used = acquire(buffers, 8);
  release(buffers, used.slice(0, 4));
  expect(new Set(acquire(buffers, 4))).toEqual(new Set(used.slice(0, 4)));
});

it('keeps two at rest', () => {
  const buffers = new PartBuffers();
  release(buffers, acquire(buffers, 8));
  expect(buffers.freeCount).toBe(2);
});

it('makes a new one for another size, and gives up those of the old', () => {
  const buffers = new PartBuffers();
  release(buffers, acquire(buffers, 2));
  const other = buffers.acquire(2048);
  expect(other.byteLength).toBe(2048);
  buffers.release(other);
  expect(buffers.acquire(2048)).toBe(other);
});
