import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { repeatFor } from '../../../bench/support/http-load.ts';

it('counts every step of loops that run side by side', async () => {
  let steps = 0;
  const { total } = await repeatFor(50, 16, async () => {
    await turn();
    steps += 1;
    return 1;
  });
  expect(steps).toBeGreaterThan(16);
  expect(total).toBe(steps);
});
