/** The claims of a registry token: their shape, their checks, and the grant they make. Pure; used by verify-token.ts. */

import type { Access, Grant } from '../access.ts';
import { TokenRefused } from './token-refused.ts';

export interface ClaimRules {
  readonly issuer: string;
  readonly service: string;
}

/** Clocks of token server and registry may differ by so much. */
export const leewaySeconds = 60;

interface Resource {
  readonly actions: Set<string>;
  readonly class: string | undefined;
}

export interface AcceptedClaims {
  readonly grant: Grant;
  /** End of acceptance, leeway included. */
  readonly validUntilMs: number;
}

/** @throws TokenRefused naming the claim that failed, or the one whose shape is wrong */
export function acceptClaims(
  claims: Record<string, unknown>,
  rules: ClaimRules,
  nowMs: number,
): AcceptedClaims {
  const { iss, aud, sub } = claims;
  if (iss !== rules.issuer) throw new TokenRefused('iss is not the configured issuer');
  const audiences = typeof aud === 'string' ? [aud] : aud;
  if (!Array.isArray(audiences) || !audiences.includes(rules.service)) {
    throw new TokenRefused('aud does not name the configured service');
  }
  const nowSeconds = nowMs / 1000;
  // A missing exp is 0, long past: tokens without an end are not accepted.
  const expiresAt = secondsOf(claims, 'exp');
  if (nowSeconds > expiresAt + leewaySeconds) throw new TokenRefused('exp: the token has expired');
  if (nowSeconds < secondsOf(claims, 'nbf') - leewaySeconds) {
    throw new TokenRefused('nbf: the token is not valid yet');
  }
  if (sub !== undefined && typeof sub !== 'string') throw new TokenRefused('sub is not text');
  const resources = resourcesOf(claims['access']);
  return {
    grant: grantOf(sub ?? '', resources),
    validUntilMs: (expiresAt + leewaySeconds) * 1000,
  };
}

function secondsOf(claims: Record<string, unknown>, name: string): number {
  const value = claims[name] ?? 0;
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new TokenRefused(`${name} is not an integer`);
  }
  return value;
}

/** Entries of one resource are merged: token servers may spread the actions over several. */
function resourcesOf(access: unknown): ReadonlyMap<string, Resource> {
  const resources = new Map<string, Resource>();
  if (access === undefined || access === null) return resources;
  if (!Array.isArray(access)) throw new TokenRefused('access is not a list');
  for (const entry of access as unknown[]) {
    const { type, name, actions, class: kind } = (entry ?? {}) as Record<string, unknown>;
    const list = actions ?? [];
    if (typeof type !== 'string' || typeof name !== 'string' || !isTextList(list)) {
      throw new TokenRefused('access has an entry of the wrong shape');
    }
    if (kind !== undefined && typeof kind !== 'string') {
      throw new TokenRefused('access has a class that is not text');
    }
    const key = resourceKey(type, name);
    const known = resources.get(key);
    if (known === undefined) resources.set(key, { actions: new Set(list), class: kind });
    else for (const action of list) known.actions.add(action);
  }
  return resources;
}

/** Names are compared exactly; `*` is a wildcard among actions only. */
function grantOf(userName: string, resources: ReadonlyMap<string, Resource>): Grant {
  return {
    userName,
    permits({ type, name, action }: Access): boolean {
      const actions = resources.get(resourceKey(type, name))?.actions;
      return actions !== undefined && (actions.has(action) || actions.has('*'));
    },
    classOf: (repository) => resources.get(resourceKey('repository', repository))?.class,
  };
}

function resourceKey(type: string, name: string): string {
  return `${type}\n${name}`;
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
