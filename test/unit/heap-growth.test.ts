/** In processes of their own: the runner's has long grown. */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const built = fileURLToPath(new URL('../../dist/src/heap-growth.js', import.meta.url));

/** MiB that V8 has set apart for young objects once a load is over of which much survives. */
function youngMiBAfterLoad(before: string): number {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import { getHeapSpaceStatistics } from 'node:v8';
      import { Worker } from 'node:worker_threads';
      import { curbHeapGrowth } from ${JSON.stringify(built)};
      ${before}
      let kept = [];
      for (let index = 0; index < 3_000_000; index++) {
        kept.push({ index, more: [index] });
        if (kept.length > 60_000) kept = [];
      }
      const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
      process.stdout.write(String(young.space_size / 1024 ** 2));`,
    ],
    { encoding: 'utf8' },
  );
  expect(stderr).toBe('');
  return Number(stdout);
}

const threadStarted = `await new Promise((resolve) => {
  new Worker('', { eval: true }).once('exit', resolve);
});`;

it('the young generation grows until it is curbed', () => {
  expect(youngMiBAfterLoad('')).toBeGreaterThan(16);
  expect(youngMiBAfterLoad('curbHeapGrowth();')).toBeLessThanOrEqual(4);
});

it('it is curbed anew after a thread has started, which may undo it', () => {
  const again = `curbHeapGrowth(); ${threadStarted} curbHeapGrowth();`;
  expect(youngMiBAfterLoad(again)).toBeLessThanOrEqual(4);
});
