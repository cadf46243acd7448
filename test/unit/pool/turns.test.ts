import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Turn, Turns } from '../../../src/pool/turns.ts';

const mebibyte = 1024 * 1024;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A turn that may not have come yet. */
async function ask(turns: Turns): Promise<{ turn: Turn | undefined }> {
  const asked: { turn: Turn | undefined } = { turn: undefined };
  void turns.begin().then((turn) => {
    asked.turn = turn;
  });
  await vi.advanceTimersByTimeAsync(0);
  return asked;
}

describe('Turns', () => {
  it('lets so many move, and the next when one ends', async () => {
    const turns = new Turns(1, 10);
    const first = await ask(turns);
    const second = await ask(turns);
    expect(first.turn).toBeDefined();
    expect([second.turn, turns.waiting]).toEqual([undefined, 1]);
    first.turn?.end();
    first.turn?.end();
    await vi.advanceTimersByTimeAsync(0);
    expect(second.turn).toBeDefined();
    expect(turns.waiting).toBe(0);
  });

  it('turns away whom the queue has no place for', async () => {
    const turns = new Turns(1, 1);
    await ask(turns);
    await ask(turns);
    expect(await turns.begin()).toBeUndefined();
  });

  it('a client that sends little makes room, one that sends much does not', async () => {
    const turns = new Turns(2, 10);
    const slow = (await ask(turns)).turn;
    const fast = (await ask(turns)).turn;
    const waiting = [await ask(turns), await ask(turns)];
    for (const turn of [slow, fast]) {
      if (turn !== undefined) {
        turn.isIdle = true;
      }
    }
    for (let look = 0; look < 10; look += 1) {
      slow?.moved(1000);
      fast?.moved(2 * mebibyte);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(waiting.map(({ turn }) => turn !== undefined)).toEqual([true, false]);
    expect([slow?.isDue, fast?.isDue]).toEqual([false, false]);
  });

  it('a worker that is slow costs nobody the turn', async () => {
    const turns = new Turns(1, 10);
    await ask(turns);
    const waiting = await ask(turns);
    await vi.advanceTimersByTimeAsync(1000);
    expect(waiting.turn).toBeUndefined();
  });

  it('who was slow and is fast again is due for a turn, ahead of those that have not begun', async () => {
    const turns = new Turns(1, 10);
    const slow = (await ask(turns)).turn as Turn;
    const second = await ask(turns);
    const third = await ask(turns);
    slow.isIdle = true;
    await vi.advanceTimersByTimeAsync(200);
    expect(second.turn).toBeDefined();
    slow.moved(512 * 1024);
    expect(slow.isDue).toBe(true);
    const again = slow.again();
    second.turn?.end();
    await again;
    expect(slow.isDue).toBe(false);
    expect(third.turn).toBeUndefined();
    slow.end();
    await vi.advanceTimersByTimeAsync(0);
    expect(third.turn).toBeDefined();
  });

  it('a body that ends while it waits gives up its place in the queue', async () => {
    const turns = new Turns(1, 10);
    const slow = (await ask(turns)).turn as Turn;
    const second = await ask(turns);
    slow.isIdle = true;
    await vi.advanceTimersByTimeAsync(200);
    const again = slow.again();
    slow.end();
    await again;
    expect(turns.waiting).toBe(0);
    second.turn?.end();
    expect((await ask(turns)).turn).toBeDefined();
  });
});
