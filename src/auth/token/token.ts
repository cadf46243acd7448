/**
 * The `token` provider: bearer tokens of a separate token server, checked against configured keys. Made by
 * create-access-controller.ts. Which check failed goes to the log; the client sees only `error=`.
 */

import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { CodedError } from '../../errors.ts';
import type { Logger } from '../../observe/logger.ts';
import {
  type Access,
  type AccessController,
  type AccessRequest,
  ChallengeError,
  type Grant,
} from '../access.ts';
import { type BearerError, bearerChallenge, clientOrigin, scopeOf } from '../bearer-challenge.ts';
import { signingAlgorithms, type TokenOptions } from '../options.ts';
import { TokenRefused } from './token-refused.ts';
import { createTrustedKeys } from './trusted-keys.ts';
import {
  loadVerifier,
  type VerifiedToken,
  type VerifyTokenRules,
  verifyToken,
} from './verify-token.ts';

export interface TokenParts {
  readonly logger: Logger;
  readonly nowMs?: () => number;
  readonly pollMs?: number;
}

const maxCachedTokens = 10_000;
const maxCachedTokenChars = 32 * 1024 * 1024;

/** @throws CodedError `AUTH_INVALID` for options that cannot work */
export function createTokenController(options: TokenOptions, parts: TokenParts): AccessController {
  const { logger } = parts;
  const nowMs = parts.nowMs ?? Date.now;
  const rules: VerifyTokenRules = {
    issuer: options.issuer,
    service: options.service,
    algorithms: chosenAlgorithms(options.signingalgorithms),
  };
  if (!options.rootcertbundle && !options.jwks) {
    throw new CodedError('AUTH_INVALID', 'token auth requires at least one token signing key');
  }
  // Keyed by a hash of the whole token: a hash of the signature alone would let a forger put other claims before a
  // signature that was seen. The token itself is not kept.
  const verified = new LRUCache<string, VerifiedToken>({
    max: maxCachedTokens,
    maxSize: maxCachedTokenChars,
  });
  const keys = createTrustedKeys({
    rootcertbundle: options.rootcertbundle,
    jwks: options.jwks,
    logger,
    onChange: () => verified.clear(),
    ...(parts.pollMs === undefined ? {} : { pollMs: parts.pollMs }),
  });
  const redirectPath = options.autoredirectpath.startsWith('/')
    ? options.autoredirectpath
    : `/${options.autoredirectpath}`;

  function challenge(
    request: AccessRequest,
    wanted: readonly Access[],
    error?: BearerError,
    cause?: unknown,
  ): ChallengeError {
    const origin = options.autoredirect
      ? clientOrigin((name) => request.header(name), 'https')
      : undefined;
    const realm = origin === undefined ? options.realm : `${origin}${redirectPath}`;
    return new ChallengeError(bearerChallenge(realm, options.service, wanted, error), wanted, {
      cause,
    });
  }

  function decide(
    request: AccessRequest,
    grant: Grant,
    required: readonly Access[],
    wanted: readonly Access[],
  ): Grant {
    if (required.every((access) => grant.permits(access))) return grant;
    logger.debug('token lacks access', { username: grant.userName, wanted: scopeOf(required) });
    throw challenge(request, wanted, 'insufficient_scope');
  }

  async function verify(token: string, key: string): Promise<Grant> {
    const set = keys.current;
    const result = await verifyToken(token, set, rules, nowMs());
    // Keys that changed meanwhile may not vouch for it any more: used once, not remembered.
    if (set === keys.current) verified.set(key, result, { size: token.length + 1 });
    return result.grant;
  }

  return {
    name: 'token',
    authorize(request, required, optional = []) {
      const wanted = optional.length === 0 ? required : [...required, ...optional];
      const token = bearerToken(request.header('authorization'));
      if (token === undefined) throw challenge(request, wanted);
      const key = hash('sha256', token, 'base64');
      const known = verified.get(key);
      if (known !== undefined && nowMs() <= known.validUntilMs) {
        return decide(request, known.grant, required, wanted);
      }
      return verify(token, key).then(
        (grant) => decide(request, grant, required, wanted),
        (error: unknown) => {
          if (!(error instanceof TokenRefused)) throw error;
          logger.info('token refused', { reason: error.message });
          throw challenge(request, wanted, 'invalid_token', error);
        },
      );
    },
    start: async () => {
      await loadVerifier();
      await keys.start();
    },
    reload: () => keys.reload(),
    stop: () => keys.stop(),
  };
}

/** The token of `Bearer <token>`: any case, exactly one space, as Distribution takes it. */
function bearerToken(header: string | undefined): string | undefined {
  const [, token] = /^bearer ([^ ]+)$/i.exec(header ?? '') ?? [];
  return token;
}

function chosenAlgorithms(configured: readonly string[]): ReadonlySet<string> {
  const supported: readonly string[] = signingAlgorithms;
  const unknown = configured.find((algorithm) => !supported.includes(algorithm));
  if (unknown !== undefined) {
    throw new CodedError('AUTH_INVALID', `unsupported signing algorithm: ${unknown}`);
  }
  return new Set(configured.length === 0 ? supported : configured);
}
