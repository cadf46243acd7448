/**
 * Short-lived bearer tokens that the htpasswd controller gives out itself, used only when some access rule is for
 * anonymous requests. Not for other services: nobody but a registry with the same secret can read them.
 *
 * Why tokens at all: docker, podman, skopeo and buildah ask `/v2/` once, without credentials, and do as its answer
 * says. 200 there, and they never send the password of a user who wants to push; a Basic challenge, and docker refuses
 * to pull without a login. Only a Bearer challenge serves both: with credentials they fetch a user's token, without
 * them an anonymous one. Every request without credentials is challenged, as on Docker Hub, also where anonymous ones
 * are allowed: containerd 1.6 hangs when the first request of a push that needs its password is the PUT of a manifest.
 *
 *   token = base64url([user, expiresAtSeconds]) "." base64url(HMAC-SHA256(key, first part "." password hash of user))
 *
 * The user's present password hash is part of what is signed, so a changed or removed entry ends its tokens at once.
 */

import { createHmac, createSecretKey, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../options/secret.ts';

export const ownTokenLifetimeSeconds = 300;
const maxTokenLength = 2048;

export interface OwnTokens {
  /** `user` empty for anonymous. */
  issue(user: string, passwordHash: string): string;
  /**
   * The user of a good token (empty for anonymous), else `undefined`.
   *
   * @param hashOf  Present password hash of a user, or `undefined` for an unknown one.
   */
  userOf(token: string, hashOf: (user: string) => string | undefined): string | undefined;
}

/**
 * @param secret  Shared by all instances behind one address (`http.secret`); without it tokens are good at this process only.
 */
export function createOwnTokens(secret: Secret | undefined, nowMs: () => number): OwnTokens {
  const material =
    secret === undefined || secret.isEmpty
      ? randomBytes(32)
      : createHmac('sha256', secret.reveal()).update('htpasswd access tokens').digest();
  const key = createSecretKey(material);
  const sign = (claims: string, passwordHash: string): Buffer =>
    createHmac('sha256', key).update(`${claims}.${passwordHash}`).digest();

  return {
    issue(user, passwordHash) {
      const expiresAt = Math.floor(nowMs() / 1000) + ownTokenLifetimeSeconds;
      const claims = Buffer.from(JSON.stringify([user, expiresAt])).toString('base64url');
      return `${claims}.${sign(claims, passwordHash).toString('base64url')}`;
    },
    userOf(token, hashOf) {
      const [claims, signature, ...rest] = token.length <= maxTokenLength ? token.split('.') : [];
      if (claims === undefined || signature === undefined || rest.length > 0) return undefined;
      const parsed = parseClaims(claims);
      if (parsed === undefined) return undefined;
      const passwordHash = parsed.user === '' ? '' : hashOf(parsed.user);
      // Signed against a hash that matches nothing, so that unknown users cost the same.
      const expected = sign(claims, passwordHash ?? 'unknown user');
      const given = Buffer.from(signature, 'base64url');
      const isSame = given.length === expected.length && timingSafeEqual(given, expected);
      if (!isSame || passwordHash === undefined) return undefined;
      return nowMs() / 1000 < parsed.expiresAt ? parsed.user : undefined;
    },
  };
}

function parseClaims(claims: string): { user: string; expiresAt: number } | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8'));
    if (!Array.isArray(value)) return undefined;
    const [user, expiresAt] = value as unknown[];
    return typeof user === 'string' && typeof expiresAt === 'number'
      ? { user, expiresAt }
      : undefined;
  } catch {
    // Not ours; the caller answers with a challenge.
    return undefined;
  }
}
