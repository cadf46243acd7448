/** A body on its way to a worker, over a real port: what is read, and which buffers go back when. */

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { portSource } from '../../../src/worker/port-source.ts';
import type { FromWorker, ToWorker } from '../../../src/worker/protocol.ts';

const bufferBytes = 64;

describe('portSource', () => {
  let sender: MessagePort;
  let receiver: MessagePort;
  /** First bytes of the buffers of each message that came back. */
  let back: number[][];

  beforeEach(() => {
    const { port1, port2 } = new MessageChannel();
    sender = port1;
    receiver = port2;
    back = [];
    sender.on('message', ({ buffers }: FromWorker) => {
      back.push(buffers.map((buffer) => new Uint8Array(buffer)[0] ?? -1));
    });
  });

  afterEach(() => {
    sender.close();
    receiver.close();
  });

  function send(mark: number): void {
    const buffer = new ArrayBuffer(bufferBytes);
    new Uint8Array(buffer).fill(mark);
    const message: ToWorker = { buffer, offset: 0, length: bufferBytes };
    sender.postMessage(message, [buffer]);
  }

  function end(): void {
    const message: ToWorker = { end: true };
    sender.postMessage(message);
  }

  /** Messages between ports of one thread arrive within a turn or two. */
  const settled = async (buffers: number): Promise<void> => {
    // On a busy machine the turns may come late.
    await vi.waitUntil(() => back.flat().length >= buffers, 10_000);
    await new Promise((resolve) => setTimeout(resolve, 5));
  };

  it('reads every piece in order, and gives every buffer back once', async () => {
    const source = portSource(receiver);
    for (let mark = 1; mark <= 9; mark += 1) {
      send(mark);
    }
    end();
    const marks: (number | undefined)[] = [];
    for (let piece = await source.read(); piece !== undefined; piece = await source.read()) {
      expect(piece.length).toBe(bufferBytes);
      marks.push(piece[0]);
    }
    expect(await source.read()).toBeUndefined();
    await settled(9);
    expect(marks).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(back.flat()).toEqual(marks);
  });

  it('gives two back with one message where the next piece is there already', async () => {
    const source = portSource(receiver);
    for (let mark = 1; mark <= 4; mark += 1) {
      send(mark);
    }
    for (let mark = 1; mark <= 4; mark += 1) {
      expect((await source.read())?.[0]).toBe(mark);
    }
    end();
    await source.read();
    await settled(4);
    expect(back).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('holds no buffer back while it waits: the sender may have no other', async () => {
    const source = portSource(receiver);
    let next = source.read();
    for (let mark = 1; mark <= 5; mark += 1) {
      send(mark);
      expect((await next)?.[0]).toBe(mark);
      next = source.read();
      await settled(mark);
      expect(back).toEqual(Array.from({ length: mark }, (_, n) => [n + 1]));
    }
    end();
    expect(await next).toBeUndefined();
  });

  it.each([0, 1, 2])(
    'gives all it has back when it is cancelled after %i pieces',
    async (count) => {
      const source = portSource(receiver);
      for (let mark = 1; mark <= count; mark += 1) {
        send(mark);
        await source.read();
      }
      source.cancel();
      await settled(count);
      expect(back.flat()).toEqual(Array.from({ length: count }, (_, n) => n + 1));
      expect(await source.read()).toBeUndefined();
    },
  );

  it('ends when the sender is gone, with what it held given up', async () => {
    const source = portSource(receiver);
    send(1);
    expect((await source.read())?.[0]).toBe(1);
    const next = source.read();
    sender.close();
    expect(await next).toBeUndefined();
  });
});
