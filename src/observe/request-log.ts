/**
 * The application log's line about each request, at its end. http gathers the facts; field names are Distribution's.
 * Lines are prepared once per outcome, since this runs on every request (bench/logging.ts).
 */

import type { AccessedRequest, AccessLog, AccessPlaces } from './access-log.ts';
import type { LineLogger, PreparedLine } from './create-logger.ts';
import { errorChainText } from './field-value.ts';
import { unprintedKey } from './line-format.ts';
import type { LogLevel } from './logger.ts';
import { maskedTarget, maskQuery } from './mask-query.ts';
import { numberedUuidV7 } from './uuid.ts';

/** One entry of the reply's error document, and what only the log may see. */
export interface LoggedError {
  /** `MANIFEST_UNKNOWN`; printed as `manifest unknown`. */
  readonly code: string;
  readonly message: string;
  readonly detail?: unknown;
  /** The failure behind it; printed with its chain of causes. */
  readonly cause?: unknown;
}

/** Time spent per part of the work, in milliseconds; absent = that part had nothing to do. */
export interface PhaseTimes {
  readonly auth?: number | undefined;
  readonly storage?: number | undefined;
  readonly hash?: number | undefined;
}

export interface RequestFacts {
  readonly request: AccessedRequest;
  /** The client's, or one that something else than the log shows; absent: the line gets a new one. */
  readonly id?: string | undefined;
  /** From `clientAddress`. */
  readonly clientAddress: string;
  readonly status: number;
  /** Body bytes that went out. */
  readonly sentBytes: number;
  readonly responseContentType?: string | undefined;
  readonly durationMs: number;
  /** Time of the line; absent: now. */
  readonly endedAtMs?: number | undefined;
  readonly repository?: string | undefined;
  /** Tag or digest as it stands in the path of a manifest. */
  readonly reference?: string | undefined;
  readonly digest?: string | undefined;
  readonly uploadId?: string | undefined;
  readonly user?: string | undefined;
  readonly errors?: readonly LoggedError[] | undefined;
  readonly phases?: PhaseTimes | undefined;
}

const requestKeys = [
  'auth.user.name',
  'http.request.contenttype',
  'http.request.host',
  'http.request.id',
  'http.request.method',
  'http.request.referer',
  'http.request.remoteaddr',
  'http.request.uri',
  'http.request.useragent',
  'http.response.contenttype',
  'http.response.duration',
  'http.response.status',
  'http.response.written',
  'vars.digest',
  'vars.name',
  'vars.reference',
  'vars.uuid',
  // What only the access line shows: HTTP version, peer, time of arrival.
  unprintedKey,
  unprintedKey,
  unprintedKey,
] as const;
const phaseKeys = ['timing.auth', 'timing.hash', 'timing.storage'] as const;
const errorKeys = ['err.code', 'err.count', 'err.detail', 'err.message', 'error'] as const;

const placeOf = (key: (typeof requestKeys)[number]): number => requestKeys.indexOf(key);
const unprintedPlace = placeOf(unprintedKey);
const accessPlaces: AccessPlaces = {
  remoteAddress: unprintedPlace + 1,
  method: placeOf('http.request.method'),
  target: placeOf('http.request.uri'),
  httpVersion: unprintedPlace,
  status: placeOf('http.response.status'),
  bodyBytes: placeOf('http.response.written'),
  referer: placeOf('http.request.referer'),
  userAgent: placeOf('http.request.useragent'),
  receivedAtMs: unprintedPlace + 2,
};

const completed = 'response completed';
const completedWithError = 'response completed with error';

export class RequestLog {
  /** Whether phase times are logged, so that nobody need measure them otherwise. */
  readonly wantsPhases: boolean;
  readonly #succeeded: PreparedLine;
  readonly #refused: PreparedLine;
  readonly #failed: PreparedLine;

  /** @param accessLog  Given: its line of each request is written too, of the same record and so at half the cost. */
  constructor(logger: LineLogger, accessLog?: AccessLog) {
    this.wantsPhases = logger.isEnabled('debug');
    const also = accessLog?.lineFrom(accessPlaces);
    const keys = [...requestKeys, ...(this.wantsPhases ? phaseKeys : [])];
    const prepare = (level: LogLevel, message: string, more: readonly string[]): PreparedLine =>
      logger.prepare(level, message, [...keys, ...more], also);
    this.#succeeded = prepare('info', completed, []);
    // Distribution logs every 4xx as an error, a client's `docker pull` of a missing tag among them. Operators alert
    // on errors, so only what the registry itself got wrong is one.
    this.#refused = prepare('info', completedWithError, errorKeys);
    this.#failed = prepare('error', completedWithError, errorKeys);
  }

  write(facts: RequestFacts): void {
    const values = requestValues(facts);
    if (this.wantsPhases) {
      const { auth, hash, storage } = facts.phases ?? {};
      values.push(auth, hash, storage);
    }
    const [error] = facts.errors ?? [];
    if (facts.status < 400 && error === undefined) {
      this.#succeeded(values, facts.endedAtMs);
      return;
    }
    // One line per request: a document of many errors (a manifest with missing layers) shows the first and a count.
    const count = facts.errors?.length ?? 0;
    values.push(
      error?.code.toLowerCase().replaceAll('_', ' '),
      count > 1 ? count : undefined,
      error?.detail ?? undefined,
      error?.message,
      error?.cause === undefined ? undefined : errorChainText(error.cause),
    );
    (facts.status >= 500 ? this.#failed : this.#refused)(values, facts.endedAtMs);
  }
}

function requestValues(facts: RequestFacts): unknown[] {
  const { request } = facts;
  return [
    facts.user,
    request.header('content-type'),
    request.header('host') ?? request.header(':authority'),
    facts.id,
    request.method,
    maskedReferer(request.header('referer')),
    facts.clientAddress === '' ? undefined : facts.clientAddress,
    maskedTarget(request.path, request.rawQuery),
    request.header('user-agent'),
    facts.responseContentType,
    facts.durationMs,
    facts.status,
    facts.sentBytes,
    facts.digest,
    facts.repository,
    facts.reference,
    facts.uploadId,
    request.httpVersion,
    request.remoteAddress,
    request.receivedAtMs,
  ];
}

function maskedReferer(referer: string | undefined): string | undefined {
  return referer === undefined ? undefined : maskQuery(referer);
}

const saneId = /^[\x21-\x7e]{1,128}$/;

/** The client's X-Request-Id when it is fit to be printed: 1 to 128 visible ASCII characters. */
export function clientRequestId(header: string | undefined): string | undefined {
  return header !== undefined && saneId.test(header) ? header : undefined;
}

/** The client's id, or else a new UUIDv7. */
export function requestId(header: string | undefined): string {
  return clientRequestId(header) ?? numberedUuidV7();
}
