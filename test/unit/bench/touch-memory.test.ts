import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { touchMemory } from '../../../bench/suite/touch-memory.ts';

const mib = 1024 * 1024;

test.each([
  [0, 0],
  [mib - 1, 0],
  [4 * mib, 4 * mib],
  [4 * mib + 1, 4 * mib],
])('of %i bytes whole pieces are touched: %i', (bytes, touched) => {
  expect(touchMemory(bytes)).toBe(touched);
});

test('nothing is left behind', () => {
  touchMemory(2 * mib);
  expect(readdirSync('/dev/shm').filter((name) => name.includes(`-${process.pid}`))).toEqual([]);
});
