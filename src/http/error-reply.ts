/**
 * The only place where an error gets a status and a body: the registry's envelope (distribution-spec "Error Codes").
 */

import { ChallengeError } from '../auth/access.ts';
import { CodedError } from '../errors.ts';
import { type ErrorCode, errorCodes, isErrorCode, printedCodes } from '../oci/error-code.ts';
import { ManifestReferencesError } from '../registry/manifest-checks.ts';
import { DriverCode } from '../storage/driver.ts';
import type { Reply, ReplyHeaders } from './exchange.ts';

/** One entry of the envelope, and for the log what stands behind it. */
export interface ErrorEntry {
  readonly code: ErrorCode;
  readonly message: string;
  readonly detail: unknown;
  readonly cause: unknown;
}

/** Seconds after which a client may try again what was refused for lack of room or health. */
const retryAfterSeconds = '5';

/** What storage failures become. Their text names paths of the driver, which a client knows anyway. */
const driverCodes: ReadonlyMap<string, ErrorCode> = new Map([
  [DriverCode.unavailable, 'UNAVAILABLE'],
  [DriverCode.full, 'STORAGE_FULL'],
  [DriverCode.invalidPath, 'NAME_INVALID'],
]);

/** The entries an error is shown as. Whatever nobody foresaw is `UNKNOWN`, without its text: that is for the log. */
export function errorEntries(error: unknown): readonly [ErrorEntry, ...ErrorEntry[]] {
  if (error instanceof ManifestReferencesError) {
    const [first, ...rest] = error.entries.map(entryOf);
    return [first ?? entryOf(error), ...rest];
  }
  return [entryOf(error)];
}

function entryOf(error: unknown): ErrorEntry {
  const text =
    typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  const known = typeof text === 'string' ? text : '';
  if (error instanceof CodedError && isErrorCode(known)) {
    const message = error.message === '' ? errorCodes[known].message : error.message;
    return { code: known, message, detail: error.detail, cause: error.cause };
  }
  const code = driverCodes.get(known) ?? 'UNKNOWN';
  const detail = code === 'UNKNOWN' ? undefined : (error as Error).message;
  return { code, message: errorCodes[code].message, detail, cause: error };
}

/** The reply for an error. Its status is that of the first entry. */
export function errorReply(
  entries: readonly [ErrorEntry, ...ErrorEntry[]],
  headers: ReplyHeaders = [],
  error?: unknown,
): Reply {
  const { status } = errorCodes[entries[0].code];
  const all: [string, string][] = [
    ['Content-Type', 'application/json'],
    ...headers.map(([n, v]): [string, string] => [n, v]),
  ];
  if (error instanceof ChallengeError) {
    all.push(['Www-Authenticate', error.challenge]);
  }
  if (status === 503 || status === 429 || status === 507) {
    all.push(['Retry-After', retryAfterSeconds]);
  }
  return { status, headers: all, body: envelope(entries) };
}

/** The JSON document, with the line end and the escapes of Go's encoder. */
export function envelope(entries: readonly ErrorEntry[]): string {
  return jsonLine({
    errors: entries.map(({ code, message, detail }) => ({
      code: printedCodes[code] ?? code,
      message,
      ...(detail === undefined ? {} : { detail }),
    })),
  });
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['<', '\\u003c'],
  ['>', '\\u003e'],
  ['&', '\\u0026'],
  ['\u2028', '\\u2028'],
  ['\u2029', '\\u2029'],
]);

/** A value as Go's json.Encoder prints it: one line, HTML characters escaped. */
export function jsonLine(value: unknown): string {
  const json = JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => escapes.get(char) ?? char,
  );
  return `${json}\n`;
}
