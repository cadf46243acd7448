/** The events that one endpoint has still to get: first in, first out, bounded by count and by bytes. */

import type { NotificationEvent } from './envelope.ts';

/** An event on its way. Shared between the queues of all endpoints that want it. */
export interface QueuedEvent {
  /** Place in the order of all events of this process; grows by one. */
  readonly seq: number;
  readonly event: NotificationEvent;
  /** Body of the request that delivers it. */
  readonly body: string;
  readonly queuedAtMs: number;
}

export interface QueueLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/** When a queue overflows it is emptied to this share, so that dead letters come in batches and not one by one. */
const shareKept = 0.9;
/** Taken events leave holes at the front of the array until there are so many. */
const holesKept = 1024;

export class EventQueue {
  readonly #limits: QueueLimits;
  #events: QueuedEvent[] = [];
  #first = 0;
  #bytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#events.length - this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds at the end. Returns the oldest events, in order, when they had to make room. */
  push(event: QueuedEvent): readonly QueuedEvent[] {
    this.#events.push(event);
    this.#bytes += event.body.length;
    const { maxEvents, maxBytes } = this.#limits;
    if (this.size <= maxEvents && this.#bytes <= maxBytes) {
      return [];
    }
    const evicted: QueuedEvent[] = [];
    while (
      this.size > 1 &&
      (this.size > maxEvents * shareKept || this.#bytes > maxBytes * shareKept)
    ) {
      evicted.push(this.shift() as QueuedEvent);
    }
    return evicted;
  }

  first(): QueuedEvent | undefined {
    return this.#events[this.#first];
  }

  shift(): QueuedEvent | undefined {
    const event = this.#events[this.#first];
    if (event === undefined) {
      return undefined;
    }
    this.#first += 1;
    this.#bytes -= event.body.length;
    if (this.#first >= holesKept && this.#first * 2 >= this.#events.length) {
      this.#events = this.#events.slice(this.#first);
      this.#first = 0;
    }
    return event;
  }

  /** Oldest first. Do not change the queue meanwhile. */
  *[Symbol.iterator](): Generator<QueuedEvent, void, void> {
    for (let at = this.#first; at < this.#events.length; at += 1) {
      yield this.#events[at] as QueuedEvent;
    }
  }
}
