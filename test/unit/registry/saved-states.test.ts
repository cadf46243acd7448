import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RepositoryName } from '../../../src/oci/reference.ts';
import { SavedStates } from '../../../src/registry/saved-states.ts';
import type { HashFurtherRequest } from '../../../src/storage/append-upload.ts';
import type { BodyStore } from '../../../src/storage/body-store.ts';
import { createMemoryDriver } from '../../../src/storage/drivers/memory/driver.ts';
import { uploadHashStatePath } from '../../../src/storage/layout.ts';
import { aContext, type TestContext } from '../../support/registry-context.ts';

const name = 'a/b' as RepositoryName;
const mebibyte = 1024 * 1024;

let context: TestContext;
let states: SavedStates;
let made: Pick<HashFurtherRequest, 'from' | 'to'>[];
/** Runs while a state is being made up for. */
let meanwhile: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  made = [];
  meanwhile = () => {};
  const plain = aContext(createMemoryDriver());
  const bodies: BodyStore = {
    ...plain.bodies,
    async hashFurther({ from, to }) {
      made.push({ from, to });
      meanwhile();
      return new Uint8Array(108);
    },
  };
  context = { ...plain, bodies };
  states = new SavedStates(context, () => {});
});
afterEach(() => {
  vi.useRealTimers();
});

const isSaved = async (id: string, sizeBytes: number): Promise<boolean> =>
  (await context.driver.stat(uploadHashStatePath(name, id, 'sha256', sizeBytes))) !== undefined;

describe('a state that is owed', () => {
  it('is made up for from the start when none was saved, once the upload rests', async () => {
    states.owe(name, 'one', 5 * mebibyte);
    await vi.advanceTimersByTimeAsync(1_500);
    expect(made).toEqual([]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(made).toEqual([{ from: 0, to: 5 * mebibyte }]);
    expect(await isSaved('one', 5 * mebibyte)).toBe(true);
    states.owe(name, 'one', 8 * mebibyte);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(made[1]).toEqual({ from: 5 * mebibyte, to: 8 * mebibyte });
    expect(await isSaved('one', 5 * mebibyte)).toBe(false);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(made).toHaveLength(2);
  });

  it('waits while a chunk is on its way, but for a minute', async () => {
    states.owe(name, 'slow', mebibyte);
    states.expectChunk('slow');
    await vi.advanceTimersByTimeAsync(50_000);
    states.owe(name, 'slow', 2 * mebibyte);
    states.expectChunk('slow');
    await vi.advanceTimersByTimeAsync(8_000);
    expect(made).toEqual([]);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(made).toEqual([{ from: 0, to: 2 * mebibyte }]);
  });

  it('is not made up for by more than 256 MiB: reading it all at commit is cheaper', async () => {
    states.owe(name, 'large', 256 * mebibyte);
    states.owe(name, 'large', 300 * mebibyte);
    await vi.advanceTimersByTimeAsync(120_000);
    await states.settle();
    expect(made).toEqual([]);
  });

  it('is made up for when the process ends, although a chunk was on its way', async () => {
    states.owe(name, 'last', mebibyte);
    states.expectChunk('last');
    await states.settle();
    expect(await isSaved('last', mebibyte)).toBe(true);
  });

  it('keeps the end of the process waiting for five seconds at most', async () => {
    for (let n = 0; n < 20; n += 1) {
      states.owe(name, `busy-${n}`, mebibyte);
    }
    meanwhile = () => vi.advanceTimersByTime(1_000);
    await states.settle();
    expect(made).toHaveLength(5);
  });

  it('is not put when the session ended meanwhile, and is owed still for what came meanwhile', async () => {
    meanwhile = () => void states.forget('ended');
    states.owe(name, 'ended', mebibyte);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(made).toHaveLength(1);
    expect(await isSaved('ended', mebibyte)).toBe(false);

    meanwhile = () => states.owe(name, 'grown', 3 * mebibyte);
    states.owe(name, 'grown', mebibyte);
    await vi.advanceTimersByTimeAsync(4_000);
    await states.settle();
    expect(made.slice(1)).toEqual([
      { from: 0, to: mebibyte },
      { from: mebibyte, to: 3 * mebibyte },
    ]);
  });
});
