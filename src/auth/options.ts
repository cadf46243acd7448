/** Schema of the `auth` section: at most one of silly, htpasswd and token. */

import type { Static } from 'typebox';
import { bool, choice, list, mapOf, optional, Type, text } from '../options/types.ts';

export const signingAlgorithms = [
  'EdDSA',
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
] as const;

export const sillyOptions = Type.Object(
  {
    realm: text({ description: 'Realm named in the challenge.' }),
    service: text({ description: 'Service named in the challenge.' }),
  },
  { description: 'Development only: any `Authorization` header is accepted.' },
);
export type SillyOptions = Static<typeof sillyOptions>;

export const accessRuleOptions = Type.Object(
  {
    users: list(text({ description: 'User name.' }), {
      description: 'Users the rule is for; `*` = every user who has signed in.',
      default: [],
    }),
    groups: list(text({ description: 'Group name.' }), {
      description: 'Groups of `groups` the rule is for.',
      default: [],
    }),
    anonymous: bool({
      description: 'The rule is also for requests without credentials.',
      default: false,
    }),
    repository: text({
      description:
        'Repositories the rule is for, as a glob: `*` stays within a path component, `**` crosses them.',
    }),
    actions: list(choice(['pull', 'push', 'delete', '*'], { description: 'An action.' }), {
      description: 'What is allowed: `pull`, `push`, `delete`, or `*` for all.',
    }),
  },
  { description: 'One rule; what no rule allows is refused.' },
);
export type AccessRuleOptions = Static<typeof accessRuleOptions>;

export const htpasswdOptions = Type.Object(
  {
    realm: text({ description: 'Realm named in the challenge.' }),
    path: text({
      description:
        'Path of the htpasswd file (bcrypt entries only). Created with a user `docker` and a random password when missing.',
    }),
    access: optional(
      list(accessRuleOptions, {
        description:
          'Who may do what. Absent = every valid user may do everything, as in Distribution (added key).',
      }),
    ),
    groups: mapOf(list(text({ description: 'User name.' }), { description: 'Members.' }), {
      description: 'Groups for `access`: name -> list of users (added key).',
      default: {},
    }),
  },
  { description: 'Basic authentication against an Apache htpasswd file. Use with TLS only.' },
);
export type HtpasswdOptions = Static<typeof htpasswdOptions>;

export const tokenOptions = Type.Object(
  {
    realm: text({ description: 'URL of the token server, named in the challenge.' }),
    service: text({ description: 'Name of this registry; a token’s `aud` must contain it.' }),
    issuer: text({ description: 'Name of the token issuer; a token’s `iss` must equal it.' }),
    rootcertbundle: optional(
      text({
        description: 'Path of a PEM file with the certificates that tokens are checked against.',
      }),
    ),
    jwks: optional(text({ description: 'Path of a JSON Web Key Set with trusted keys.' })),
    autoredirect: bool({
      description:
        'The challenge’s realm is made from the request’s Host, `X-Forwarded-Proto` (or https) and `autoredirectpath`.',
      default: false,
    }),
    autoredirectpath: text({
      description: 'Path used by `autoredirect`.',
      default: '/auth/token/',
    }),
    signingalgorithms: list(choice(signingAlgorithms, { description: 'A JWS algorithm.' }), {
      description:
        'Signature algorithms accepted; empty = all. HS* work only with symmetric keys of `jwks`.',
      default: signingAlgorithms,
    }),
  },
  { description: 'Bearer tokens from a token server. Needs `rootcertbundle` or `jwks`.' },
);
export type TokenOptions = Static<typeof tokenOptions>;

export const authOptions = Type.Object(
  {
    silly: optional(sillyOptions),
    htpasswd: optional(htpasswdOptions),
    token: optional(tokenOptions),
  },
  { description: 'Who may use the registry: one provider at most. Absent or `none` = everybody.' },
);
export type AuthOptions = Static<typeof authOptions>;
