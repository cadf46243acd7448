/**
 * Events as receivers read them: the JSON of Distribution's notifications, field for field and in its order.
 * Pure; notifications.ts calls it once per event, whatever the number of endpoints.
 */

import { createRfc3339 } from '../observe/go-text.ts';
import { uuidV7 } from '../observe/uuid.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { RegistryEvent } from '../registry/events.ts';

export const eventsMediaType = 'application/vnd.docker.distribution.events.v2+json';

const formatTimestamp = createRfc3339();

/** This process, as receivers see it. */
export interface EventSource {
  /** Host name, with `:port` when `http.addr` has one. */
  readonly addr: string;
  /** An UUID per process. */
  readonly instanceID: string;
}

/** One event of an envelope. Keys in the order they are printed; absent ones do not apply. */
export interface NotificationEvent {
  /** UUIDv7. The same id seen twice is the same event, delivered again after a failure or a restart. */
  readonly id: string;
  /** RFC 3339 with the local offset. */
  readonly timestamp: string;
  readonly action: string;
  readonly target: Readonly<Record<string, unknown>>;
  readonly request: Readonly<Record<string, string>>;
  readonly actor: { readonly name?: string };
  readonly source: EventSource;
}

/** The event as it will be sent. `includeReferences` is the option `events.includereferences`. */
export function notificationEvent(
  event: RegistryEvent,
  options: { source: EventSource; includeReferences: boolean; nowMs: number },
): NotificationEvent {
  const { action, target, origin } = event;
  const references = options.includeReferences ? (target.references ?? []) : [];
  return {
    id: uuidV7(options.nowMs),
    timestamp: formatTimestamp(options.nowMs),
    action,
    target: {
      mediaType: target.mediaType,
      digest: target.digest,
      size: target.sizeBytes,
      ...(target.sizeBytes > 0 && { length: target.sizeBytes }),
      ...present('repository', target.repository),
      ...present('fromRepository', target.fromRepository),
      ...present('url', targetUrl(event)),
      ...present('tag', target.tag),
      ...(references.length > 0 && { references: references.map(printedDescriptor) }),
    },
    request: {
      ...present('id', origin.requestId),
      ...present('addr', origin.clientAddress),
      ...present('host', origin.host),
      ...present('method', origin.method),
      ...present('useragent', origin.userAgent),
    },
    actor: present('name', origin.userName),
    source: options.source,
  };
}

/** The body of the request that carries one event. */
export function envelopeBody(event: NotificationEvent): string {
  // Go escapes these inside JSON strings; outside of strings they do not occur.
  return JSON.stringify({ events: [event] }, null, 3).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function targetUrl({ target, origin }: RegistryEvent): string {
  if (target.kind === undefined) {
    return '';
  }
  const part = target.kind === 'blob' ? 'blobs' : 'manifests';
  return `${origin.urlRoot}v2/${target.repository}/${part}/${target.digest}`;
}

function printedDescriptor(descriptor: Descriptor): Record<string, unknown> {
  const { mediaType, digest, size, urls, annotations, data, platform, artifactType } = descriptor;
  return {
    mediaType,
    digest,
    size,
    ...(urls !== undefined && urls.length > 0 && { urls }),
    ...(annotations !== undefined && Object.keys(annotations).length > 0 && { annotations }),
    ...present('data', data),
    ...(platform !== undefined && { platform }),
    ...present('artifactType', artifactType),
  };
}

function present<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return (value === undefined || value === '' ? {} : { [key]: value }) as { [P in K]?: string };
}
