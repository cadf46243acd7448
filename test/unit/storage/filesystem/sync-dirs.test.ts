/** Which directory syncs are shared. The sync itself is a double, so that the test decides when one is running. */

import { expect, it } from 'vitest';
import { DirectorySyncs } from '../../../../src/storage/drivers/filesystem/sync-dirs.ts';

interface Run {
  readonly directory: string;
  finish(error?: Error): void;
}

function aRecorder(): { runs: Run[]; syncs: { sync(directory: string): Promise<void> } } {
  const runs: Run[] = [];
  const syncs = new DirectorySyncs((directory, done) => runs.push({ directory, finish: done }));
  const sync = (directory: string): Promise<void> =>
    new Promise((resolve, reject) => {
      syncs.sync(directory, (error) => (error === undefined ? resolve() : reject(error)));
    });
  return { runs, syncs: { sync } };
}

it('starts at once when none is under way', async () => {
  const { runs, syncs } = aRecorder();
  const done = syncs.sync('/d');
  expect(runs.map((run) => run.directory)).toEqual(['/d']);
  runs[0]?.finish();
  await done;
});

it('makes requests during a running sync wait for one more, shared by all of them', async () => {
  const { runs, syncs } = aRecorder();
  const first = syncs.sync('/d');
  let isSecondDone = false;
  const second = syncs.sync('/d').then(() => {
    isSecondDone = true;
  });
  const third = syncs.sync('/d');
  expect(runs.length).toBe(1);
  runs[0]?.finish();
  await first;
  await Promise.resolve();
  expect(runs.length).toBe(2);
  expect(isSecondDone).toBe(false);
  // The second run has begun: a request now must not trust it.
  const fourth = syncs.sync('/d');
  runs[1]?.finish();
  await Promise.all([second, third]);
  await Promise.resolve();
  expect(runs.length).toBe(3);
  runs[2]?.finish();
  await fourth;
});

it('keeps directories apart', async () => {
  const { runs, syncs } = aRecorder();
  const both = [syncs.sync('/a'), syncs.sync('/b')];
  expect(runs.map((run) => run.directory)).toEqual(['/a', '/b']);
  for (const run of runs) {
    run.finish();
  }
  await Promise.all(both);
});

it('tells a failure only to those whose sync failed', async () => {
  const { runs, syncs } = aRecorder();
  const first = syncs.sync('/d');
  const second = syncs.sync('/d');
  runs[0]?.finish(new Error('disk'));
  await expect(first).rejects.toThrow('disk');
  await Promise.resolve();
  runs[1]?.finish();
  await second;
  const third = syncs.sync('/d');
  runs[2]?.finish();
  await third;
});
