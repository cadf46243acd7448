import { expect, it } from 'vitest';
import { RestartDelay } from '../../../src/cli/restart-delay.ts';

it('waits longer after each death in a row, up to a bound', () => {
  const delay = new RestartDelay();
  const waits = Array.from({ length: 9 }, () => delay.next(500));
  expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
});

it('begins anew after a long life', () => {
  const delay = new RestartDelay();
  delay.next(0);
  delay.next(0);
  expect(delay.next(60_000)).toBe(100);
});
