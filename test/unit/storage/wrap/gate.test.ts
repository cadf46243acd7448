/** The gate's order, bounds and patience; time is turned by hand. */

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Gate } from '../../../../src/storage/wrap/gate.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Work that ends when told to. */
function aTask(): { work: () => Promise<void>; end: () => void; hasStarted: () => boolean } {
  let end: () => void = () => {};
  let started = false;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return {
    work: () => {
      started = true;
      return ended;
    },
    end,
    hasStarted: () => started,
  };
}

it('lets so many in at once, the others in order of arrival', async () => {
  const gate = new Gate('test', 2);
  const tasks = Array.from({ length: 4 }, aTask);
  const runs = tasks.map((task) => gate.run(task.work));
  const started = (): boolean[] => tasks.map((task) => task.hasStarted());
  expect(started()).toEqual([true, true, false, false]);
  tasks[1]?.end();
  await runs[1];
  await Promise.resolve();
  expect(started()).toEqual([true, true, true, false]);
  for (const task of tasks) {
    task.end();
  }
  await Promise.all(runs);
  expect(started()).toEqual([true, true, true, true]);
});

it('lets the next in after a failure too', async () => {
  const gate = new Gate('test', 1);
  const failing = gate.run(() => Promise.reject(new Error('broken')));
  const next = gate.run(() => Promise.resolve('in'));
  await expect(failing).rejects.toThrow('broken');
  expect(await next).toBe('in');
});

it('turns away those beyond its queue, retryably', async () => {
  const gate = new Gate('test', 1, { maxWaiting: 1, maxWaitMs: 1000 });
  const task = aTask();
  const running = gate.run(task.work);
  const waiting = gate.run(() => Promise.resolve('in'));
  await expect(gate.run(() => Promise.resolve())).rejects.toMatchObject({
    code: 'DRIVER_UNAVAILABLE',
    retryable: true,
  });
  task.end();
  await running;
  expect(await waiting).toBe('in');
});

it('fails those that waited too long for a blocked disk, and only those', async () => {
  const gate = new Gate('test', 1, { maxWaiting: 10, maxWaitMs: 1000 });
  const blocked = aTask();
  const running = gate.run(blocked.work);
  const outcomes: string[] = [];
  const wait = (name: string): Promise<void> =>
    gate
      .run(() => Promise.resolve())
      .then(
        () => void outcomes.push(`${name} in`),
        (error: { code: string }) => void outcomes.push(`${name} ${error.code}`),
      );
  const early = wait('early');
  await vi.advanceTimersByTimeAsync(600);
  const late = wait('late');
  await vi.advanceTimersByTimeAsync(500);
  await early;
  expect(outcomes).toEqual(['early DRIVER_UNAVAILABLE']);
  await vi.advanceTimersByTimeAsync(300);
  blocked.end();
  await Promise.all([running, late]);
  expect(outcomes).toEqual(['early DRIVER_UNAVAILABLE', 'late in']);
});

it('fails the late one in its turn when the disk stays blocked', async () => {
  const gate = new Gate('test', 1, { maxWaiting: 10, maxWaitMs: 1000 });
  void gate.run(aTask().work);
  const early = gate.run(() => Promise.resolve()).catch((error: { code: string }) => error.code);
  await vi.advanceTimersByTimeAsync(900);
  const late = gate.run(() => Promise.resolve()).catch((error: { code: string }) => error.code);
  await vi.advanceTimersByTimeAsync(1001);
  expect(await Promise.all([early, late])).toEqual(['DRIVER_UNAVAILABLE', 'DRIVER_UNAVAILABLE']);
});
