/**
 * Delivers events to one receiver: in order, one at a time, again and again until it takes them. Knows nothing of
 * other endpoints, so a slow or dead one harms nobody else.
 *
 *   push ──> queue ──take──> in flight ──2xx/3xx──> settled
 *              │                 └─ else: again at once; after `threshold` failures in a row, after `backoff`
 *              └─ bound hit: oldest ──> dead letters ──> settled
 */

import { STATUS_CODES } from 'node:http';
import { errorText } from '../errors.ts';
import type { Logger } from '../observe/logger.ts';
import type { EndpointState } from '../observe/read-metrics.ts';
import type { EndpointOptions } from './options.ts';
import { Poster } from './post.ts';
import { EventQueue, type QueuedEvent, type QueueLimits } from './queue.ts';

const defaultTimeoutMs = 1000;
const defaultThreshold = 10;
const defaultBackoffMs = 1000;

/** Keeps events that an endpoint had to give up. False: they could not be kept. */
export type KeepDeadLetters = (
  endpoint: string,
  events: readonly QueuedEvent[],
) => Promise<boolean>;

export interface EndpointParts {
  readonly limits: QueueLimits;
  readonly keepDeadLetters: KeepDeadLetters;
  /** After each event that is delivered or given up. */
  readonly onSettled: () => void;
  readonly logger: Logger;
  readonly now: () => number;
}

export class Endpoint {
  /** Unique; the configured name, or the URL when there is none. */
  readonly key: string;
  readonly timeoutMs: number;
  readonly threshold: number;
  readonly backoffMs: number;
  readonly #poster: Poster;
  readonly #ignoredMediaTypes: ReadonlySet<string>;
  readonly #ignoredActions: ReadonlySet<string>;
  readonly #parts: EndpointParts;
  readonly #queue: EventQueue;
  readonly #stopped = new AbortController();
  readonly #statuses = new Map<string, number>();
  /** Batches on their way to the dead-letter folder, oldest first. */
  readonly #evicting = new Map<readonly QueuedEvent[], Promise<void>>();
  #inFlight: QueuedEvent | undefined;
  #loop: Promise<void> | undefined;
  #wakeIdle: (() => void)[] = [];
  #failuresInRow = 0;
  #lastFailureMs = 0;
  #events = 0;
  #successes = 0;
  #failures = 0;
  #errors = 0;
  #deadLetters = 0;
  #lost = 0;

  /** @throws TypeError when the URL or a header is malformed */
  constructor(key: string, options: EndpointOptions, parts: EndpointParts) {
    this.key = key;
    this.timeoutMs = options.timeout > 0 ? options.timeout : defaultTimeoutMs;
    this.threshold = options.threshold > 0 ? options.threshold : defaultThreshold;
    this.backoffMs = options.backoff > 0 ? options.backoff : defaultBackoffMs;
    this.#poster = new Poster(options);
    this.#ignoredMediaTypes = new Set([...options.ignoredmediatypes, ...options.ignore.mediatypes]);
    this.#ignoredActions = new Set(options.ignore.actions);
    this.#parts = parts;
    this.#queue = new EventQueue(parts.limits);
  }

  wants(mediaType: string, action: string): boolean {
    return !this.#ignoredMediaTypes.has(mediaType) && !this.#ignoredActions.has(action);
  }

  push(event: QueuedEvent): void {
    this.#events += 1;
    const evicted = this.#queue.push(event);
    if (evicted.length > 0) {
      this.#evicting.set(evicted, this.#giveUp(evicted));
    }
    this.#loop ??= this.#deliverAll();
  }

  /** `seq` of the oldest event that is neither delivered nor given up, `undefined` when all are. */
  get oldestUnsettledSeq(): number | undefined {
    for (const { seq } of this.pending()) {
      return seq;
    }
    return undefined;
  }

  /** Events not settled yet, oldest first. */
  *pending(): Generator<QueuedEvent, void, void> {
    if (this.#inFlight !== undefined) {
      yield this.#inFlight;
    }
    for (const batch of this.#evicting.keys()) {
      yield* batch;
    }
    yield* this.#queue;
  }

  /** Resolves once nothing waits. */
  idle(): Promise<void> {
    return this.#loop === undefined
      ? Promise.resolve()
      : new Promise((resolve) => this.#wakeIdle.push(resolve));
  }

  /** Ends the attempt in flight and starts no other; what waits stays in `pending()`. Events pushed later just wait. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all([this.#loop, ...this.#evicting.values()]);
    this.#poster.close();
  }

  state(): EndpointState {
    const oldest = this.#inFlight ?? this.#queue.first();
    return {
      name: this.key,
      pendingEvents: this.#queue.size + (this.#inFlight === undefined ? 0 : 1),
      pendingBytes: this.#queue.bytes + (this.#inFlight?.body.length ?? 0),
      oldestPendingSeconds:
        oldest === undefined ? 0 : Math.max(0, this.#parts.now() - oldest.queuedAtMs) / 1000,
      events: this.#events,
      successes: this.#successes,
      failures: this.#failures,
      errors: this.#errors,
      statuses: this.#statuses,
      deadLetters: this.#deadLetters,
      lostEvents: this.#lost,
    };
  }

  /** Runs while there are events; a later `push` starts the next run. Never rejects. */
  async #deliverAll(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      this.#inFlight ??= this.#queue.shift();
      if (this.#inFlight === undefined) {
        break;
      }
      await this.#waitForTurn(signal);
      if (!signal.aborted && (await this.#attempt(this.#inFlight.body))) {
        this.#inFlight = undefined;
        this.#parts.onSettled();
      }
    }
    if (!signal.aborted) {
      this.#loop = undefined;
    }
    for (const wake of this.#wakeIdle.splice(0)) {
      wake();
    }
  }

  /** Once over the threshold: until `backoff` after the last failure. */
  async #waitForTurn(signal: AbortSignal): Promise<void> {
    const waitMs =
      this.#failuresInRow < this.threshold
        ? 0
        : this.#lastFailureMs + this.backoffMs - this.#parts.now();
    if (waitMs <= 0) {
      return;
    }
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, waitMs).unref();
      signal.addEventListener('abort', done);
    });
  }

  async #attempt(body: string): Promise<boolean> {
    const attempt = new AbortController();
    const stop = (): void => attempt.abort(new Error('stopped'));
    this.#stopped.signal.addEventListener('abort', stop);
    const timer = setTimeout(
      () => attempt.abort(new Error(`no answer within ${this.timeoutMs}ms`)),
      this.timeoutMs,
    );
    let failure: string;
    try {
      const status = await this.#poster.post(body, attempt.signal);
      const code = `${status} ${STATUS_CODES[status] ?? ''}`.trimEnd();
      this.#statuses.set(code, (this.#statuses.get(code) ?? 0) + 1);
      if (status >= 200 && status < 400) {
        this.#successes += 1;
        this.#noteRecovery();
        return true;
      }
      this.#failures += 1;
      failure = code;
    } catch (error) {
      if (this.#stopped.signal.aborted) {
        return false;
      }
      this.#errors += 1;
      failure = errorText(attempt.signal.aborted ? attempt.signal.reason : error);
    } finally {
      clearTimeout(timer);
      this.#stopped.signal.removeEventListener('abort', stop);
    }
    this.#noteFailure(failure);
    return false;
  }

  #noteFailure(reason: string): void {
    this.#failuresInRow += 1;
    this.#lastFailureMs = this.#parts.now();
    const fields = { endpoint: this.key, failures: this.#failuresInRow, reason };
    if (this.#failuresInRow === this.threshold) {
      this.#parts.logger.error('notification endpoint fails: backing off', fields);
    } else {
      this.#parts.logger.debug('notification was not taken', fields);
    }
  }

  #noteRecovery(): void {
    if (this.#failuresInRow >= this.threshold) {
      this.#parts.logger.info('notification endpoint takes events again', { endpoint: this.key });
    }
    this.#failuresInRow = 0;
  }

  async #giveUp(events: readonly QueuedEvent[]): Promise<void> {
    const isKept = await this.#parts.keepDeadLetters(this.key, events);
    this.#evicting.delete(events);
    if (isKept) {
      this.#deadLetters += events.length;
    } else {
      this.#lost += events.length;
    }
    const fields = { endpoint: this.key, events: events.length };
    if (isKept) {
      this.#parts.logger.error('notification queue is full: oldest went to dead letters', fields);
    } else {
      this.#parts.logger.error('notification queue is full: oldest are lost', fields);
    }
    this.#parts.onSettled();
  }
}
