import { describe, expect, it } from 'vitest';
import { EventQueue, type QueuedEvent } from '../../../src/notifications/queue.ts';

function queued(seq: number, body = 'x'): QueuedEvent {
  return { seq, body, event: {} as QueuedEvent['event'], queuedAtMs: 0 };
}

describe('event queue', () => {
  it('gives events back in the order they came, however many were taken before', () => {
    const queue = new EventQueue({ maxEvents: 10_000, maxBytes: 1e9 });
    const taken: number[] = [];
    for (let seq = 0; seq < 5000; seq += 1) {
      queue.push(queued(seq));
      if (seq % 3 > 0) {
        taken.push(queue.shift()?.seq ?? -1);
      }
    }
    while (queue.size > 0) {
      taken.push(queue.shift()?.seq ?? -1);
    }
    expect(taken).toEqual(Array.from({ length: 5000 }, (_, seq) => seq));
    expect(queue.bytes).toBe(0);
    expect(queue.shift()).toBeUndefined();
  });

  it('gives up the oldest in one batch when the count is over its bound', () => {
    const queue = new EventQueue({ maxEvents: 20, maxBytes: 1e9 });
    const evicted = Array.from({ length: 21 }, (_, seq) => queue.push(queued(seq))).flat();
    expect(evicted.map(({ seq }) => seq)).toEqual([0, 1, 2]);
    expect([queue.size, queue.first()?.seq]).toEqual([18, 3]);
  });

  it('gives up the oldest when the bytes are over their bound, but never the newest', () => {
    const queue = new EventQueue({ maxEvents: 100, maxBytes: 100 });
    queue.push(queued(1, 'a'.repeat(60)));
    expect(queue.push(queued(2, 'b'.repeat(500))).map(({ seq }) => seq)).toEqual([1]);
    expect([queue.size, queue.bytes]).toEqual([1, 500]);
  });
});
