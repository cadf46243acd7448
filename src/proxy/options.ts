/** Schema of the `proxy` section: pull-through cache of another registry. */

import type { Static } from 'typebox';
import { duration, optional, secret, Type, text } from '../options/types.ts';

export const proxyOptions = Type.Object(
  {
    remoteurl: optional(
      text({ description: 'Registry to cache. Set = pull-through mode, pushes are refused.' }),
    ),
    username: optional(text({ description: 'User at the remote registry.' })),
    password: optional(secret({ description: 'Password of `username`.' })),
    exec: optional(
      Type.Object(
        {
          command: optional(
            text({
              description: 'Credential helper (docker-credential protocol); wins over `username`.',
            }),
          ),
          lifetime: optional(
            duration({
              description: 'Life of its answer; 0 = run for every request, absent = run once.',
            }),
          ),
        },
        { description: 'Credentials from a helper program.' },
      ),
    ),
    ttl: duration({
      description:
        'Cached content is removed this long after it was last needed; 0 or less = never.',
      default: 604_800_000,
    }),
    cachewritetimeout: duration({
      description: 'Limit for storing a blob while it is passed on; 0 or less = 5m.',
      default: 300_000,
    }),
  },
  { description: 'Pull-through cache. Not in this version: `remoteurl` is refused at start.' },
);
export type ProxyOptions = Static<typeof proxyOptions>;
