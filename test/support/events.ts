/** Builders of registry events and of the notifications section. */

import type {
  EndpointOptions,
  NotificationsOptions,
  SpoolOptions,
} from '../../src/notifications/options.ts';
import type { EventAction, RegistryEvent } from '../../src/registry/events.ts';

export const aDigest = `sha256:${'ab'.repeat(32)}`;

export function anEvent(
  overrides: { action?: EventAction; target?: Partial<RegistryEvent['target']> } = {},
): RegistryEvent {
  return {
    action: overrides.action ?? 'push',
    target: {
      repository: 'team/app',
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: aDigest,
      sizeBytes: 528,
      kind: 'manifest',
      ...overrides.target,
    },
    origin: {
      requestId: 'request-1',
      clientAddress: '10.0.0.9:41000',
      host: 'r.example:5000',
      method: 'PUT',
      userAgent: 'docker/27',
      userName: 'ci',
      urlRoot: 'https://r.example/',
    },
  };
}

export function anEndpoint(overrides: Partial<EndpointOptions> = {}): EndpointOptions {
  return {
    name: 'sink',
    disabled: false,
    url: 'http://127.0.0.1:1/',
    headers: {},
    timeout: 5000,
    threshold: 10,
    backoff: 20,
    ignoredmediatypes: [],
    ignore: { mediatypes: [], actions: [] },
    ...overrides,
  };
}

export function notificationsSection(
  endpoints: readonly EndpointOptions[],
  spool: Partial<SpoolOptions> = {},
): NotificationsOptions {
  return {
    events: { includereferences: true },
    endpoints,
    spool: { enabled: true, maxevents: 1000, maxbytes: 1_000_000, ...spool },
  };
}
