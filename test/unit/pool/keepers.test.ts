import { queueOptionsSymbol } from 'piscina';
import { beforeEach, describe, expect, it } from 'vitest';
import { Keepers, keeping } from '../../../src/pool/keepers.ts';

type Task = Parameters<Keepers['choose']>[0];
type Workers = Parameters<Keepers['choose']>[1];

let keepers: Keepers;
/** Jobs of each thread, by its id. */
let jobs: Record<number, number>;

beforeEach(() => {
  keepers = new Keepers();
  jobs = { 1: 0, 2: 0, 3: 0 };
});

/** The id of the thread that gets a job; of one whose hash is kept when it has a path. */
function choose(path?: string): number | undefined {
  const marked = path === undefined ? {} : keeping({}, path);
  const options = (marked as Partial<Task>)[queueOptionsSymbol] ?? null;
  const workers = Object.entries(jobs).map(([id, currentUsage]) => ({
    id: Number(id),
    currentUsage,
  }));
  return keepers.choose({ [queueOptionsSymbol]: options } as Task, workers as unknown as Workers)
    ?.id;
}

describe('Keepers', () => {
  it('sends each chunk of an upload to the thread that had the one before', () => {
    const first = choose('/a') ?? 0;
    jobs[first] = 4;
    expect([choose('/a'), choose('/a')]).toEqual([first, first]);
  });

  it('sends uploads that begin while all threads are idle to different ones', () => {
    expect(new Set([choose('/a'), choose('/b')]).size).toBe(2);
  });

  it('sends what keeps no hash to the thread with the fewest jobs', () => {
    jobs = { 1: 2, 2: 1, 3: 2 };
    expect(choose()).toBe(2);
  });

  it('sends a chunk elsewhere, and those after it too, when its thread is far busier', () => {
    const first = choose('/a') ?? 0;
    jobs[first] = 5;
    const second = choose('/a');
    expect(second).not.toBe(first);
    jobs[first] = 0;
    expect(choose('/a')).toBe(second);
  });

  it('takes another thread for one that is gone, and none when there is none', () => {
    const first = choose('/a') ?? 0;
    delete jobs[first];
    expect(choose('/a')).not.toBe(first);
    jobs = {};
    expect(choose('/a')).toBeUndefined();
  });
});
