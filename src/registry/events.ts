/**
 * What happened in the registry, as values, and where they go. `notifications` fits EventSink; `compose` joins them.
 */

import type { Descriptor } from '../oci/descriptor.ts';

export type EventAction = 'pull' | 'push' | 'mount' | 'delete';

/** What an event is about. Fields that do not apply are absent. */
export interface EventTarget {
  readonly repository: string;
  /** Empty on delete (reference 6.2). */
  readonly mediaType: string;
  /** Empty when a tag was deleted. */
  readonly digest: string;
  /** Bytes; 0 on delete. */
  readonly sizeBytes: number;
  readonly tag?: string;
  /** Mount only. */
  readonly fromRepository?: string;
  /** Config and layers, or children; only for manifest pushes and pulls. */
  readonly references?: readonly Descriptor[];
  /** What the path of `target.url` is made of; absent on delete. */
  readonly kind?: 'blob' | 'manifest';
}

/** Who asked for it: facts of the HTTP request, as the envelope prints them. */
export interface EventOrigin {
  readonly requestId: string;
  /** Client address by X-Forwarded-For, X-Real-Ip or the peer's `ip:port`. */
  readonly clientAddress: string;
  readonly host: string;
  readonly method: string;
  readonly userAgent: string;
  /** Authenticated user, else the Basic user of the request, else empty. */
  readonly userName: string;
  /** Root of generated URLs, ending in `/`, e.g. `https://r.example/`; `/` when relative. */
  readonly urlRoot: string;
}

export interface RegistryEvent {
  readonly action: EventAction;
  readonly target: EventTarget;
  readonly origin: EventOrigin;
}

/**
 * Takes events.
 *
 * `record` resolves when the event may be acknowledged to the client: durable where a spool is configured, else at
 * once. It never rejects: a sink that cannot keep an event logs and counts it.
 */
export interface EventSink {
  record(event: RegistryEvent): Promise<void> | void;
}
