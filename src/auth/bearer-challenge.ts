/** Builds `Bearer …` challenges with merged scopes. Used by the token controller and by htpasswd's own tokens. */

import type { Access } from './access.ts';
import { quote } from './quote.ts';

export type BearerError = 'invalid_token' | 'insufficient_scope';

/**
 * One entry for each resource in first-seen order, its actions joined: `repository:a/b:pull,push repository:c:pull`.
 * Empty without accesses.
 */
export function scopeOf(wanted: readonly Access[]): string {
  const actions = new Map<string, string[]>();
  for (const { type, name, action } of wanted) {
    const resource = `${type}:${name}`;
    const known = actions.get(resource);
    if (known === undefined) actions.set(resource, [action]);
    else if (!known.includes(action)) known.push(action);
  }
  return Array.from(actions, ([resource, list]) => `${resource}:${list.join(',')}`).join(' ');
}

/** The whole value of `Www-Authenticate`; no space after commas, as clients' parsers know it from Distribution. */
export function bearerChallenge(
  realm: string,
  service: string,
  wanted: readonly Access[],
  error?: BearerError,
): string {
  const scope = scopeOf(wanted);
  let challenge = `Bearer realm=${quote(realm)},service=${quote(service)}`;
  if (scope !== '') challenge += `,scope=${quote(scope)}`;
  if (error !== undefined) challenge += `,error=${quote(error)}`;
  return challenge;
}

/** `scheme://host` as the client sees it: the first X-Forwarded-Proto, else `fallbackScheme`. Absent without a Host. */
export function clientOrigin(
  header: (name: string) => string | undefined,
  fallbackScheme: 'http' | 'https',
): string | undefined {
  const host = header('host');
  if (!host) return undefined;
  // A chain of proxies appends; the first value is the client's. Anything but the two schemes is a forgery or a mistake.
  const forwarded = header('x-forwarded-proto')?.split(',')[0]?.trim().toLowerCase();
  const scheme = forwarded === 'http' || forwarded === 'https' ? forwarded : fallbackScheme;
  return `${scheme}://${host}`;
}
