/**
 * The `htpasswd` provider: Basic credentials checked against an Apache htpasswd file, optionally narrowed by access
 * rules. Made by create-access-controller.ts. The bcrypt work is a PasswordVerifier's.
 *
 *   header -> verified before? -> decide          (no promise: the usual case of a busy registry)
 *          -> parse -> hash or decoy -> gate -> remember -> decide
 */

import { CodedError } from '../../errors.ts';
import type { Logger } from '../../observe/logger.ts';
import type { Secret } from '../../options/secret.ts';
import {
  type Access,
  type AccessController,
  type AccessRequest,
  ChallengeError,
  fullGrant,
  type Grant,
  type TokenIssuer,
  wantedDetail,
} from '../access.ts';
import { bearerChallenge, clientOrigin } from '../bearer-challenge.ts';
import type { HtpasswdOptions } from '../options.ts';
import { quote } from '../quote.ts';
import { compileAccessRules } from './access-rules.ts';
import { parseBasic } from './basic.ts';
import { createOwnTokens, ownTokenLifetimeSeconds } from './own-tokens.ts';
import {
  createPasswordGate,
  type PasswordGateLimits,
  type PasswordVerifier,
} from './password-gate.ts';
import { createHtpasswdUsers } from './users.ts';
import { createVerifiedCache } from './verified-cache.ts';

export interface HtpasswdParts {
  readonly verifier: PasswordVerifier;
  readonly logger: Logger;
  /** Prints one line on stdout; used once, for the password of a file made at start. */
  announce(line: string): void;
  /** `http.secret`, so that every instance accepts the tokens of the others. */
  readonly tokenSecret?: Secret;
  /** Where http routes `tokenIssuer`, with `http.prefix`. */
  readonly tokenPath?: string;
  /** `http.host` when set: scheme and host under which clients know the registry. */
  readonly publicOrigin?: string;
  readonly limits?: PasswordGateLimits;
  readonly nowMs?: () => number;
  readonly pollMs?: number;
}

/** At bcrypt cost 10 a comparison takes about 70 ms of one core: the longest wait is then a few seconds. */
const defaultLimits: PasswordGateLimits = { concurrency: 2, waiting: 64 };
const defaultTokenPath = '/auth/token';
/** Basic with neither user nor password: `curl -u :`, and what containers/image sends when it has no login. */
const emptyBasic = /^basic +Og==$/i;
const bearerScheme = /^bearer +/i;

/** @throws CodedError `ACCESS_RULE_INVALID` */
export function createHtpasswdController(
  options: HtpasswdOptions,
  parts: HtpasswdParts,
): AccessController {
  const { logger } = parts;
  const nowMs = parts.nowMs ?? Date.now;
  const rules =
    options.access === undefined ? undefined : compileAccessRules(options.access, options.groups);
  const cache = createVerifiedCache(parts.nowMs);
  const gate = createPasswordGate(parts.verifier, parts.limits ?? defaultLimits);
  const users = createHtpasswdUsers({
    path: options.path,
    logger,
    announce: parts.announce,
    onChange: () => cache.clear(),
    ...(parts.pollMs === undefined ? {} : { pollMs: parts.pollMs }),
  });
  const tokenPath = parts.tokenPath ?? defaultTokenPath;
  const ownTokens = rules?.hasAnonymous ? createOwnTokens(parts.tokenSecret, nowMs) : undefined;
  const basicChallenge = `Basic realm=${quote(options.realm)}`;

  function challenge(request: AccessRequest, wanted: readonly Access[]): ChallengeError {
    const origin =
      ownTokens === undefined
        ? undefined
        : (parts.publicOrigin ??
          clientOrigin((name) => request.header(name), request.isTls ? 'https' : 'http'));
    const text =
      origin === undefined
        ? basicChallenge
        : bearerChallenge(`${origin}${tokenPath}`, options.realm, wanted);
    return new ChallengeError(text, wanted);
  }

  /** `user` is `undefined` without credentials; only asked when rules are set. */
  function permits(user: string | undefined, access: Access): boolean {
    return rules === undefined ? user !== undefined : rules.allows(user, access);
  }

  function decide(
    request: AccessRequest,
    user: string,
    required: readonly Access[],
    wanted: readonly Access[],
  ): Grant {
    if (rules === undefined) return fullGrant(user);
    const name = user === '' ? undefined : user;
    if (required.every((access) => permits(name, access))) {
      return {
        userName: user,
        permits: (access) => permits(name, access),
        sees: (repository) =>
          permits(name, { type: 'repository', name: repository, action: 'pull' }),
      };
    }
    if (name === undefined) throw challenge(request, wanted);
    // 403, unlike Distribution, which knows no rules here: asking again for a password that was right would make
    // clients prompt, or drop a good login.
    throw new CodedError('DENIED', 'requested access to the resource is denied', {
      detail: wantedDetail(wanted),
    });
  }

  /** The user when the password is right. The table may change while bcrypt runs: then the new one decides. */
  async function checkPassword(header: string, key: string): Promise<string | undefined> {
    const credentials = parseBasic(header);
    if (credentials === undefined) return undefined;
    const { user, password } = credentials;
    for (;;) {
      const hash = users.hashOf(user);
      const compared = hash ?? users.decoyOf(user);
      const isRight = await gate.verify(`${key} ${compared}`, password, compared);
      if (users.hashOf(user) !== hash) continue;
      const isUser = isRight && hash !== undefined;
      cache.put(key, isUser ? user : false);
      if (!isUser) logger.info('user failed to authenticate', { username: user });
      return isUser ? user : undefined;
    }
  }

  const tokenIssuer: TokenIssuer | undefined = ownTokens && {
    path: tokenPath,
    async issue(request, form) {
      const header = form === undefined ? request.header('authorization') : basicOfForm(form);
      let user = '';
      if (header !== undefined && !emptyBasic.test(header)) {
        const key = cache.keyOf(header);
        const known = cache.get(key) ?? (await checkPassword(header, key));
        if (known === undefined || known === false) throw new ChallengeError(basicChallenge, []);
        user = known;
      }
      const token = ownTokens.issue(user, user === '' ? '' : (users.hashOf(user) ?? ''));
      return {
        token,
        access_token: token,
        expires_in: ownTokenLifetimeSeconds,
        issued_at: new Date(nowMs()).toISOString(),
      };
    },
  };

  return {
    name: 'htpasswd',
    ...(tokenIssuer === undefined ? {} : { tokenIssuer }),
    authorize(request, required, optional = []) {
      const wanted = optional.length === 0 ? required : [...required, ...optional];
      const header = request.header('authorization');
      if (!header) throw challenge(request, wanted);
      if (emptyBasic.test(header)) {
        if (ownTokens === undefined) throw challenge(request, wanted);
        return decide(request, '', required, wanted);
      }
      if (ownTokens !== undefined && bearerScheme.test(header)) {
        const user = ownTokens.userOf(header.replace(bearerScheme, ''), (name) =>
          users.hashOf(name),
        );
        if (user === undefined) throw challenge(request, wanted);
        return decide(request, user, required, wanted);
      }
      const key = cache.keyOf(header);
      const known = cache.get(key);
      if (known === false) throw challenge(request, wanted);
      if (known !== undefined) return decide(request, known, required, wanted);
      return checkPassword(header, key).then((user) => {
        if (user === undefined) throw challenge(request, wanted);
        return decide(request, user, required, wanted);
      });
    },
    async start() {
      await users.start();
      for (const user of rules?.namedUsers ?? []) {
        if (!users.has(user)) {
          logger.warn('an access rule names a user that the htpasswd file lacks', {
            username: user,
          });
        }
      }
    },
    reload: () => users.reload(),
    stop: () => users.stop(),
  };
}

/** Credentials of an OAuth2 password grant as a Basic header; one that nothing matches for other grants. */
function basicOfForm(form: URLSearchParams): string | undefined {
  if (form.get('grant_type') !== 'password') return 'Unsupported grant';
  const user = form.get('username') ?? '';
  const password = form.get('password') ?? '';
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
