/**
 * The registry's event sink: writes each event to the spool, queues it at every endpoint that wants it, and brings
 * back after a restart what was not delivered. compose makes it, starts it before requests are served, and stops it
 * after the last one.
 *
 * Every event is delivered at least once to every endpoint; a repeat has the same id.
 */

import { join } from 'node:path';
import { CodedError, errorText } from '../errors.ts';
import type { Logger } from '../observe/logger.ts';
import type { EndpointState, SpoolState } from '../observe/read-metrics.ts';
import { maskedUrl } from '../options/masked-url.ts';
import type { EventSink, RegistryEvent } from '../registry/events.ts';
import { within } from '../within.ts';
import { DeadLetters } from './dead-letters.ts';
import { Departed } from './departed.ts';
import { Endpoint, type EndpointParts } from './endpoint.ts';
import { describeEndpoint, type EndpointVars, endpointKeys } from './endpoint-vars.ts';
import { type EventSource, envelopeBody, notificationEvent } from './envelope.ts';
import type { EndpointOptions, NotificationsOptions, SpoolOptions } from './options.ts';
import type { QueuedEvent } from './queue.ts';
import { Spool } from './spool.ts';
import type { SpoolRecord } from './spool-record.ts';

const heartbeatMs = 10_000;
/** What is delivered is noted with this delay, so that a burst costs one write. A crash within it repeats events. */
const settleDelayMs = 200;
/** Dead letters may take this many times the bytes of one queue. */
const deadLetterShare = 4;

export interface NotificationParts {
  readonly source: EventSource;
  /** Root directory of the filesystem driver; absent with other drivers. */
  readonly storageRoot?: string;
  readonly logger: Logger;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** Folder of the spool and its dead letters, `undefined` when there is none. `longshore notifications replay` asks too. */
export function spoolDirectory(
  options: SpoolOptions,
  storageRoot: string | undefined,
): string | undefined {
  if (!options.enabled) {
    return undefined;
  }
  return (
    options.directory ??
    (storageRoot === undefined ? undefined : join(storageRoot, '.longshore', 'notifications'))
  );
}

export class Notifications implements EventSink {
  readonly #options: NotificationsOptions;
  readonly #source: EventSource;
  readonly #directory: string | undefined;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #endpoints: readonly {
    readonly options: EndpointOptions;
    readonly endpoint: Endpoint;
  }[];
  readonly #departed = new Departed();
  #spool: Spool | undefined;
  #deadLetters: DeadLetters | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #settleTimer: NodeJS.Timeout | undefined;
  /** Heartbeats and settling, one after the other. */
  #upkeep: Promise<void> = Promise.resolve();
  #seq = 0;
  #isRunning = false;

  /** @throws CodedError `NOTIFICATIONS_CONFIG` a URL or header that cannot be used */
  constructor(options: NotificationsOptions, parts: NotificationParts) {
    this.#options = options;
    this.#source = parts.source;
    this.#directory = spoolDirectory(options.spool, parts.storageRoot);
    this.#logger = parts.logger;
    this.#now = parts.now ?? Date.now;
    this.#endpoints = this.#makeEndpoints();
  }

  /**
   * Opens the spool and queues what earlier lives left there.
   *
   * @throws CodedError `SPOOL_UNUSABLE` the configured `spool.directory` cannot be written. The folder chosen by
   *         default only costs a warning: a read-only root must not keep a registry from starting.
   */
  async start(): Promise<void> {
    this.#isRunning = true;
    if (this.#endpoints.length === 0) {
      return;
    }
    if (this.#directory !== undefined) {
      await this.#openSpool(this.#directory);
    }
    if (this.#spool === undefined) {
      this.#logger.warn('notifications are kept in memory only: a restart loses pending ones');
      return;
    }
    await this.#adopt(this.#spool);
    this.#heartbeat = setInterval(() => this.#keepUp('heartbeat', () => this.#beat()), heartbeatMs);
    this.#heartbeat.unref();
  }

  /** Resolves when the event is on disk, at once without a spool. Delivery is not waited for. */
  record(event: RegistryEvent): Promise<void> | undefined {
    const { mediaType } = event.target;
    const wanting = this.#endpoints.filter(({ endpoint }) =>
      endpoint.wants(mediaType, event.action),
    );
    if (wanting.length === 0) {
      return undefined;
    }
    if (!this.#isRunning) {
      this.#logger.error('notifications are stopped: an event is lost', { action: event.action });
      return undefined;
    }
    const at = this.#now();
    const printed = notificationEvent(event, {
      source: this.#source,
      includeReferences: this.#options.events.includereferences,
      nowMs: at,
    });
    return this.#enqueue({
      seq: 0,
      for: wanting.map(({ endpoint }) => endpoint.key),
      at,
      event: printed,
    });
  }

  /** Gives pending events up to `graceMs` to be delivered; with a spool the rest waits there for the next start. */
  async stop(graceMs: number): Promise<void> {
    this.#isRunning = false;
    clearInterval(this.#heartbeat);
    await within(graceMs, Promise.all(this.#endpoints.map(({ endpoint }) => endpoint.idle())));
    await Promise.all(this.#endpoints.map(({ endpoint }) => endpoint.stop()));
    await this.#closeSpool();
  }

  /** For metrics: also of endpoints configured no more whose events became dead letters. */
  endpointStates(): readonly EndpointState[] {
    return [...this.#endpoints.map(({ endpoint }) => endpoint.state()), ...this.#departed.states()];
  }

  /** For metrics; `undefined` without a spool. */
  spoolState(): SpoolState | undefined {
    return this.#spool === undefined
      ? undefined
      : {
          segmentBytes: this.#spool.sizeBytes,
          deadLetterBytes: this.#deadLetters?.sizeBytes ?? 0,
          writeErrors: this.#spool.writeErrors,
        };
  }

  /** `registry.notifications` of `/debug/vars`. */
  vars(): { readonly endpoints: readonly EndpointVars[] | null } {
    return {
      endpoints:
        this.#endpoints.length === 0
          ? null
          : this.#endpoints.map(({ options, endpoint }) => describeEndpoint(options, endpoint)),
    };
  }

  #makeEndpoints(): { options: EndpointOptions; endpoint: Endpoint }[] {
    const { maxevents, maxbytes } = this.#options.spool;
    const parts: EndpointParts = {
      limits: { maxEvents: maxevents, maxBytes: maxbytes },
      keepDeadLetters: (key, events) => this.#keepDeadLetters(key, events),
      onSettled: () => this.#settleSoon(),
      logger: this.#logger,
      now: this.#now,
    };
    const made: { options: EndpointOptions; endpoint: Endpoint }[] = [];
    const keys = endpointKeys(this.#options.endpoints);
    this.#options.endpoints.forEach((options, at) => {
      const name = options.name || maskedUrl(options.url);
      const key = keys[at];
      if (key === undefined) {
        this.#logger.info(`endpoint ${name} disabled, skipping`);
        return;
      }
      try {
        made.push({ options, endpoint: new Endpoint(key, options, parts) });
      } catch (error) {
        throw new CodedError(
          'NOTIFICATIONS_CONFIG',
          `notifications.endpoints[${at}] (${name}): ${errorText(error)}`,
          { cause: error },
        );
      }
      this.#logger.info(`configuring endpoint ${name} (${maskedUrl(options.url)})`, {
        timeoutMs: options.timeout,
        headers: Object.keys(options.headers),
      });
    });
    return made;
  }

  async #openSpool(directory: string): Promise<void> {
    const parts = { directory, logger: this.#logger, now: this.#now };
    const spool = new Spool(parts);
    try {
      await spool.open();
    } catch (error) {
      if (this.#options.spool.directory !== undefined) {
        throw new CodedError(
          'SPOOL_UNUSABLE',
          `notifications.spool.directory: ${directory} cannot be used: ${errorText(error)}`,
          { cause: error },
        );
      }
      this.#logger.warn('the notification spool cannot be used', { error: errorText(error) });
      return;
    }
    this.#spool = spool;
    this.#deadLetters = new DeadLetters({
      ...parts,
      limitBytes: deadLetterShare * this.#options.spool.maxbytes,
    });
    await this.#deadLetters.measure();
  }

  /** Numbers the event, appends it to the spool and queues it. */
  #enqueue(record: SpoolRecord): Promise<void> | undefined {
    this.#seq += 1;
    const numbered = { ...record, seq: this.#seq };
    const written = this.#spool?.append(numbered);
    const queued: QueuedEvent = {
      seq: numbered.seq,
      event: record.event,
      body: envelopeBody(record.event),
      queuedAtMs: record.at,
    };
    for (const { endpoint } of this.#endpoints) {
      if (record.for.includes(endpoint.key)) {
        endpoint.push(queued);
      }
    }
    return written;
  }

  async #adopt(spool: Spool): Promise<void> {
    const keys = new Set(this.#endpoints.map(({ endpoint }) => endpoint.key));
    await spool.adoptAbandoned(async (records) => {
      const orphans: SpoolRecord[] = [];
      const writes: (Promise<void> | undefined)[] = [];
      for (const record of records) {
        const known = record.for.filter((key) => keys.has(key));
        if (known.length > 0) {
          writes.push(this.#enqueue({ ...record, for: known }));
        }
        for (const key of record.for.filter((each) => !keys.has(each))) {
          orphans.push({ ...record, for: [key] });
        }
      }
      await Promise.all(writes);
      if (records.length > 0) {
        this.#logger.info('undelivered notifications found: queued again', {
          events: writes.length,
        });
      }
      return this.#deadLetters === undefined
        ? orphans.length === 0
        : this.#departed.setAside(orphans, this.#deadLetters, this.#logger);
    });
  }

  async #keepDeadLetters(key: string, events: readonly QueuedEvent[]): Promise<boolean> {
    const records = events.map(({ seq, event, queuedAtMs }) => ({
      seq,
      for: [key],
      at: queuedAtMs,
      event,
    }));
    return (await this.#deadLetters?.put(records)) ?? false;
  }

  #settleSoon(): void {
    if (this.#spool !== undefined && this.#isRunning) {
      this.#settleTimer ??= setTimeout(() => {
        this.#settleTimer = undefined;
        this.#keepUp('settling', () => this.#settle());
      }, settleDelayMs).unref();
    }
  }

  async #settle(): Promise<void> {
    const spool = this.#spool;
    if (spool === undefined) {
      return;
    }
    await spool.settle(this.#settled());
    const pendingBytes = this.endpointStates().reduce((sum, state) => sum + state.pendingBytes, 0);
    if (spool.needsCompaction(pendingBytes)) {
      await spool.compact(() => this.#pending());
    }
  }

  #settled(): Record<string, number> {
    return Object.fromEntries(
      this.#endpoints.map(({ endpoint }) => {
        const oldest = endpoint.oldestUnsettledSeq;
        return [endpoint.key, oldest === undefined ? this.#seq : oldest - 1];
      }),
    );
  }

  /** What waits, as the spool keeps it. */
  #pending(): SpoolRecord[] {
    const bySeq = new Map<number, SpoolRecord & { for: string[] }>();
    for (const { endpoint } of this.#endpoints) {
      for (const { seq, event, queuedAtMs } of endpoint.pending()) {
        const known = bySeq.get(seq);
        if (known === undefined) {
          bySeq.set(seq, { seq, for: [endpoint.key], at: queuedAtMs, event });
        } else {
          known.for.push(endpoint.key);
        }
      }
    }
    return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
  }

  async #beat(): Promise<void> {
    const spool = this.#spool;
    if (spool === undefined || !this.#isRunning) {
      return;
    }
    if (!(await spool.touch())) {
      await spool.compact(() => this.#pending());
    }
    await this.#adopt(spool);
    await this.#deadLetters?.measure();
  }

  #keepUp(what: string, work: () => Promise<void>): void {
    this.#upkeep = this.#upkeep.then(work).catch((error: unknown) => {
      this.#logger.error(`notification spool: ${what} failed`, { error: errorText(error) });
    });
  }

  async #closeSpool(): Promise<void> {
    clearTimeout(this.#settleTimer);
    await this.#upkeep;
    const left = this.#pending().length;
    if (this.#spool === undefined) {
      if (left > 0) {
        this.#logger.warn('notifications not delivered are lost', { events: left });
      }
      return;
    }
    this.#keepUp('closing', async () => {
      if (left > 0) {
        // Dead letters lie between what waits: without this the next life would meet them again.
        await this.#spool?.compact(() => this.#pending());
      }
      await this.#spool?.settle(this.#settled());
      await this.#spool?.close(left === 0);
    });
    await this.#upkeep;
    if (left > 0) {
      this.#logger.info('notifications not delivered wait for the next start', { events: left });
    }
  }
}
