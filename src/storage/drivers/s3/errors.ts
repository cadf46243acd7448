/**
 * Turns what the SDK throws into DriverError, once, at this room's edge: which failures mean "nothing there", which
 * are worth another try, which are the operator's to mend. Also the predicates that the driver's own steps need.
 */

import { isAbort } from '../../../errors.ts';
import { DriverCode, DriverError, PathNotFoundError } from '../../driver.ts';
import { driverName } from './settings.ts';

/** The facts of an SDK error, read without trusting its class (service exceptions, network errors, provider errors). */
export interface S3Failure {
  readonly code: string;
  readonly status: number | undefined;
  readonly message: string;
}

const networkCodes: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ERR_STREAM_PREMATURE_CLOSE',
]);
/** S3 did not answer, and a second try was not answered either: see answer-watch.ts. */
export const silentCode = 'NoAnswer';
const busyCodes: ReadonlySet<string> = new Set([
  silentCode,
  'SlowDown',
  'ServiceUnavailable',
  'InternalError',
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'TimeoutError',
  'Throttling',
  'ThrottlingException',
  'OperationAborted',
  'ExpiredToken',
]);
const fullCodes: ReadonlySet<string> = new Set([
  'QuotaExceeded',
  'QuotaExceededException',
  'XMinioStorageFull',
  'XMinioAdminBucketQuotaExceeded',
  'InsufficientStorage',
  'TooManyObjects',
]);

export function failureOf(error: unknown): S3Failure {
  const raw = error as {
    name?: unknown;
    code?: unknown;
    Code?: unknown;
    message?: unknown;
    $metadata?: { httpStatusCode?: number };
  } | null;
  const isNetwork = typeof raw?.code === 'string' && networkCodes.has(raw.code);
  const name = isNetwork ? raw?.code : (raw?.name ?? raw?.Code);
  return {
    code: typeof name === 'string' ? name : 'Unknown',
    status: raw?.$metadata?.httpStatusCode,
    message: typeof raw?.message === 'string' ? raw.message : String(error),
  };
}

/** No object under the key. A missing bucket is not that: it is the operator's to mend. */
export function isMissing(error: unknown): boolean {
  const { code, status } = failureOf(error);
  return (
    code === 'NoSuchKey' ||
    code === 'NotFound' ||
    (status === 404 && code !== 'NoSuchBucket' && code !== 'NoSuchUpload')
  );
}

/** radosgw answers ListParts of an aborted upload with NoSuchKey. */
export function isUploadGone(error: unknown): boolean {
  const { code, status } = failureOf(error);
  return code === 'NoSuchUpload' || (status === 404 && code === 'NoSuchKey');
}

/** Another object is there than the condition of a put said, or is being put. */
export function isConditionFailed(error: unknown): boolean {
  const { code, status } = failureOf(error);
  return status === 412 || code === 'PreconditionFailed' || code === 'ConditionalRequestConflict';
}

/** The service does not know conditional puts. */
export function isConditionUnknown(error: unknown): boolean {
  const { code, status } = failureOf(error);
  return status === 501 || code === 'NotImplemented';
}

/** The offset lies at or past the end of the object. */
export function isPastEnd(error: unknown): boolean {
  const { code, status } = failureOf(error);
  return code === 'InvalidRange' || status === 416;
}

/** The same call may succeed later. */
export function isTransient(error: unknown): boolean {
  const { code, status } = failureOf(error);
  return (
    networkCodes.has(code) ||
    busyCodes.has(code) ||
    status === 429 ||
    (status !== undefined && status >= 500 && status !== 501 && status !== 507)
  );
}

/**
 * @param action  What was tried, for the one line the operator reads: `get`, `upload part`, …
 * @param path    As the caller of the driver knows it.
 */
export function toDriverError(error: unknown, action: string, path: string): unknown {
  if (error instanceof DriverError || isAbort(error) || error instanceof TypeError) {
    return error;
  }
  if (isMissing(error)) {
    return new PathNotFoundError(driverName, path, error);
  }
  const { code, status, message } = failureOf(error);
  const line = `${action} ${path}: ${code}${message && message !== code ? `: ${message}` : ''}`;
  if (status === 507 || fullCodes.has(code)) {
    return new DriverError(driverName, DriverCode.full, line, { cause: error });
  }
  const retryable = isTransient(error);
  return new DriverError(driverName, retryable ? DriverCode.unavailable : DriverCode.failed, line, {
    retryable,
    cause: error,
  });
}
