/**
 * What an access check is asked and what it answers. Implemented by silly.ts, htpasswd/, token/; asked by http/dispatch.
 */

import { CodedError } from '../errors.ts';

/** One thing a request wants: `repository:name:action` or `registry:catalog:*`. */
export interface Access {
  readonly type: string;
  readonly name: string;
  readonly action: string;
}

/** The facts of a request that a check may look at. */
export interface AccessRequest {
  readonly method: string;
  /** Value of a header by lower-case name. */
  header(name: string): string | undefined;
  /** Whether the client's own connection is TLS; only for the URL of a token issuer of our own. */
  readonly isTls?: boolean;
  /** `remoteAddress` etc. stay out: no controller decides by them. */
}

/** What a check allowed. */
export interface Grant {
  /** Empty when anonymous. */
  readonly userName: string;
  /** Whether these credentials also cover `access`; used for mounts. Never throws. */
  permits(access: Access): boolean;
  /**
   * Whether the catalog shows a repository; absent = it shows all. Not `permits`: a token for the catalog names no
   * repositories, and its server has decided already.
   */
  sees?(repository: string): boolean;
  /** `class` that the token carries for a repository (empty or absent = image); reference 10.4. */
  classOf?(repository: string): string | undefined;
}

/**
 * Decides who may do what. One per registry.
 *
 * `required` must all be covered; `optional` ones (the `from` of a mount) are named in a challenge too, so that
 * clients ask a token for both, but lacking them refuses nothing.
 */
export interface AccessController {
  readonly name: string;
  /**
   * @throws ChallengeError (401) missing, wrong or insufficient credentials
   * @throws CodedError `UNAVAILABLE` or others when the controller itself cannot decide
   */
  authorize(
    request: AccessRequest,
    required: readonly Access[],
    optional?: readonly Access[],
  ): Promise<Grant> | Grant;
  /** Starts watching files. Rejects when the first load fails (message fit for an operator). */
  start?(): Promise<void>;
  /** Re-reads files now (SIGHUP); a broken one keeps the last good and logs. */
  reload?(): Promise<void>;
  stop?(): Promise<void>;
  /** Present when the challenge names this registry itself as the token server; http routes its path. */
  readonly tokenIssuer?: TokenIssuer;
}

/** A token server inside the registry: `GET path` with Basic credentials or none, `POST path` with an OAuth2 form. */
export interface TokenIssuer {
  /** Absolute path, to be answered without asking `authorize` first. */
  readonly path: string;
  /**
   * @param form  Body of a POST (`application/x-www-form-urlencoded`); absent for GET.
   * @returns the JSON body of a 200 answer
   * @throws ChallengeError (401) wrong credentials; CodedError `UNAVAILABLE`
   */
  issue(request: AccessRequest, form?: URLSearchParams): Promise<IssuedToken>;
}

/** As token servers answer; both names of the token, since clients read one or the other. */
export interface IssuedToken {
  readonly token: string;
  readonly access_token: string;
  readonly expires_in: number;
  readonly issued_at: string;
}

/** 401 with a `Www-Authenticate` header. `detail` lists what was wanted, as Distribution prints it. */
export class ChallengeError extends CodedError {
  /** Whole value of `Www-Authenticate`. */
  readonly challenge: string;

  constructor(challenge: string, wanted: readonly Access[], options: { cause?: unknown } = {}) {
    super('UNAUTHORIZED', 'authentication required', {
      detail: wantedDetail(wanted),
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    });
    this.challenge = challenge;
  }
}

/** The `detail` of a refusal, as Distribution prints it: what was wanted, or null when that is nothing. */
export function wantedDetail(wanted: readonly Access[]): unknown {
  if (wanted.length === 0) return null;
  return wanted.map((a) => ({ Type: a.type, Class: '', Name: a.name, Action: a.action }));
}

/** A grant for everything: no auth configured, silly, or plain htpasswd. */
export function fullGrant(userName: string): Grant {
  return { userName, permits: () => true };
}
