/** Schema of the `notifications` section: where events go and how undelivered ones are kept. */

import type { Static } from 'typebox';
import {
  bool,
  duration,
  int,
  list,
  mapOf,
  optional,
  secret,
  Type,
  text,
} from '../options/types.ts';

export const endpointOptions = Type.Object(
  {
    name: text({ description: 'Name of the endpoint in logs and metrics.', default: '' }),
    disabled: bool({ description: 'Skips this endpoint.', default: false }),
    url: text({
      description: 'URL that events are posted to. Required unless disabled.',
      default: '',
    }),
    headers: mapOf(
      list(secret({ description: 'Header value.' }), { description: 'Values of one header.' }),
      { description: 'Headers added to each request: name -> list of values.', default: {} },
    ),
    timeout: duration({
      description: 'Limit for one delivery, from connecting to the end of the answer.',
      default: 1000,
    }),
    threshold: int({
      description: 'Failures in a row after which deliveries wait for `backoff`.',
      default: 10,
    }),
    backoff: duration({
      description: 'Wait after the last failure once `threshold` is reached.',
      default: 1000,
    }),
    ignoredmediatypes: list(text({ description: 'Media type.' }), {
      description: 'Events about these media types are not sent. Same as `ignore.mediatypes`.',
      default: [],
    }),
    ignore: Type.Object(
      {
        mediatypes: list(text({ description: 'Media type.' }), {
          description: 'Events about these media types are not sent.',
          default: [],
        }),
        actions: list(text({ description: 'Action.' }), {
          description: 'Events of these actions are not sent: pull, push, mount, delete.',
          default: [],
        }),
      },
      { description: 'Events that are not sent.' },
    ),
  },
  { description: 'One receiver of events.' },
);
export type EndpointOptions = Static<typeof endpointOptions>;

export const spoolOptions = Type.Object(
  {
    enabled: bool({
      description: 'Keeps undelivered events on disk, so that a restart loses none.',
      default: true,
    }),
    directory: optional(
      text({
        description:
          'Directory of the spool. Absent = `.longshore/notifications` below the root directory of the filesystem driver; other drivers then have no spool.',
      }),
    ),
    maxevents: int({
      description:
        'Undelivered events kept per endpoint; beyond that the oldest go to a dead-letter file.',
      default: 100_000,
      minimum: 1,
    }),
    maxbytes: int({
      description: 'Bytes of undelivered events kept per endpoint.',
      default: 268_435_456,
      minimum: 65_536,
    }),
  },
  { description: 'Undelivered events (not in Distribution, which keeps them in memory only).' },
);
export type SpoolOptions = Static<typeof spoolOptions>;

export const notificationsOptions = Type.Object(
  {
    events: Type.Object(
      {
        includereferences: bool({
          description: 'Manifest events list what the manifest points to.',
          default: false,
        }),
      },
      { description: 'What events contain.' },
    ),
    endpoints: list(endpointOptions, { description: 'Receivers of events.', default: [] }),
    spool: spoolOptions,
  },
  { description: 'Webhooks for pushes, pulls, mounts and deletes.' },
);
export type NotificationsOptions = Static<typeof notificationsOptions>;
