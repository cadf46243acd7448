/** Schema of the `redis` section. Negative durations mean "off"; 0 means the default. */

import type { Static } from 'typebox';
import { bool, duration, int, list, optional, secret, Type, text } from '../../options/types.ts';

export const redisOptions = Type.Object(
  {
    addrs: list(text({ description: '`HOST:PORT`, or a path for a unix socket.' }), {
      description:
        'Servers: one = single server, several = cluster, with `mastername` = sentinels. Empty = redis is not used.',
      default: [],
    }),
    clientname: optional(text({ description: 'Name given with CLIENT SETNAME.' })),
    db: int({ description: 'Database number, not for clusters.', default: 0, minimum: 0 }),
    protocol: int({ description: 'RESP version, 2 or 3.', default: 3, minimum: 0, maximum: 3 }),
    username: optional(text({ description: 'ACL user.' })),
    password: optional(secret({ description: 'Password.' })),
    sentinelusername: optional(text({ description: 'ACL user on the sentinels.' })),
    sentinelpassword: optional(secret({ description: 'Password on the sentinels.' })),
    mastername: optional(text({ description: 'Master name; makes `addrs` sentinels.' })),
    maxretries: int({ description: 'Retries of a command; -1 = none.', default: 3, minimum: -1 }),
    minretrybackoff: duration({ description: 'Shortest wait before a retry.', default: 8 }),
    maxretrybackoff: duration({ description: 'Longest wait before a retry.', default: 512 }),
    dialtimeout: duration({ description: 'Limit for connecting.', default: 5000 }),
    readtimeout: duration({
      description:
        'Limit for a command; the longer of this and `writetimeout` counts. Negative = none.',
      default: 3000,
    }),
    writetimeout: optional(
      duration({ description: 'Limit for sending a command, see `readtimeout`.' }),
    ),
    contexttimeoutenabled: bool({
      description:
        'Request deadlines also bound commands. Accepted for go-redis; has no effect here.',
      default: false,
    }),
    poolfifo: bool({
      description:
        'Pool hands out the oldest connection first. Accepted for go-redis; has no effect here: one connection carries all commands.',
      default: false,
    }),
    poolsize: int({
      description:
        'Connections; 0 = 10 per core. Accepted for go-redis; has no effect here: one connection carries all commands.',
      default: 0,
      minimum: 0,
    }),
    pooltimeout: optional(
      duration({
        description:
          'Limit for waiting for a connection. Accepted for go-redis; has no effect here: one connection carries all commands.',
      }),
    ),
    minidleconns: int({
      description:
        'Idle connections kept at least. Accepted for go-redis; has no effect here: one connection carries all commands.',
      default: 0,
      minimum: 0,
    }),
    maxidleconns: int({
      description:
        'Idle connections kept at most; 0 = no limit. Accepted for go-redis; has no effect here: one connection carries all commands.',
      default: 0,
      minimum: 0,
    }),
    maxactiveconns: int({
      description:
        'Connections at most; 0 = no limit. Accepted for go-redis; has no effect here: one connection carries all commands.',
      default: 0,
      minimum: 0,
    }),
    connmaxidletime: duration({
      description:
        'Idle connections are closed after this. Accepted for go-redis; has no effect here: one connection carries all commands.',
      default: 1_800_000,
    }),
    connmaxlifetime: duration({
      description:
        'Connections are closed at this age; 0 = never. Accepted for go-redis; has no effect here: one connection carries all commands.',
      default: 0,
    }),
    maxredirects: int({ description: 'Redirects followed in a cluster.', default: 3 }),
    readonly: bool({ description: 'Cluster: read from replicas.', default: false }),
    routebylatency: bool({
      description:
        'Cluster: read from the nearest node. Accepted for go-redis; has no effect here.',
      default: false,
    }),
    routerandomly: bool({ description: 'Cluster: read from a random node.', default: false }),
    disableidentity: bool({ description: 'Does not send CLIENT SETINFO.', default: false }),
    identitysuffix: optional(text({ description: 'Text added to the client identity.' })),
    unstableresp3: bool({
      description: 'Accepted for go-redis; has no effect here.',
      default: false,
    }),
    tls: Type.Object(
      {
        enabled: optional(
          bool({
            description:
              'true = TLS even without files, false = no TLS. Absent = TLS when a file is given.',
          }),
        ),
        certificate: optional(text({ description: 'Path of the client certificate.' })),
        key: optional(text({ description: 'Path of the key of `certificate`.' })),
        rootcas: list(text({ description: 'Path of a PEM file.' }), {
          description: 'CA files the server is checked against; empty = the system’s.',
          default: [],
        }),
        clientcas: list(text({ description: 'Path of a PEM file.' }), {
          description: 'Same as `rootcas`; both are joined.',
          default: [],
        }),
      },
      { description: 'TLS to the servers.' },
    ),
  },
  {
    description:
      'Redis, for the blob descriptor cache; used with `storage.cache.blobdescriptor: redis`.',
  },
);
export type RedisOptions = Static<typeof redisOptions>;
