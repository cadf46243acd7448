/**
 * The table of error codes a client can see: status, message and where it comes from. Data only; http/error-reply.ts
 * makes replies of it. distribution-spec "Error Codes" and reference 2.2.
 */

export interface ErrorCodeEntry {
  readonly status: number;
  readonly message: string;
  /** distribution-spec code-N, or `distribution` for what only the Go registry has, or `longshore` for ours. */
  readonly source: string;
}

export type ErrorCode =
  | 'UNKNOWN'
  | 'UNSUPPORTED'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'UNAVAILABLE'
  | 'STORAGE_FULL'
  | 'TOOMANYREQUESTS'
  | 'DIGEST_INVALID'
  | 'SIZE_INVALID'
  | 'RANGE_INVALID'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'TAG_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_TOO_LARGE'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'PAGINATION_NUMBER_INVALID'
  | 'REQUEST_INVALID'
  | 'NOT_FOUND'
  | 'NOT_ACCEPTABLE';

export const errorCodes: Readonly<Record<ErrorCode, ErrorCodeEntry>> = {
  UNKNOWN: { status: 500, message: 'unknown error', source: 'distribution' },
  UNSUPPORTED: { status: 405, message: 'The operation is unsupported.', source: 'code-13' },
  UNAUTHORIZED: { status: 401, message: 'authentication required', source: 'code-11' },
  DENIED: {
    status: 403,
    message: 'requested access to the resource is denied',
    source: 'code-12',
  },
  UNAVAILABLE: { status: 503, message: 'service unavailable', source: 'distribution' },
  STORAGE_FULL: { status: 507, message: 'storage is full', source: 'longshore' },
  TOOMANYREQUESTS: { status: 429, message: 'too many requests', source: 'code-14' },
  DIGEST_INVALID: {
    status: 400,
    message: 'provided digest did not match uploaded content',
    source: 'code-4',
  },
  SIZE_INVALID: {
    status: 400,
    message: 'provided length did not match content length',
    source: 'code-10',
  },
  RANGE_INVALID: { status: 416, message: 'invalid content range', source: 'distribution' },
  NAME_INVALID: { status: 400, message: 'invalid repository name', source: 'code-8' },
  NAME_UNKNOWN: {
    status: 404,
    message: 'repository name not known to registry',
    source: 'code-9',
  },
  TAG_INVALID: { status: 400, message: 'manifest tag did not match URI', source: 'distribution' },
  MANIFEST_UNKNOWN: { status: 404, message: 'manifest unknown', source: 'code-7' },
  MANIFEST_INVALID: { status: 400, message: 'manifest invalid', source: 'code-6' },
  MANIFEST_TOO_LARGE: { status: 413, message: 'manifest invalid', source: 'distribution-spec 413' },
  MANIFEST_BLOB_UNKNOWN: {
    status: 400,
    message: 'blob unknown to registry',
    source: 'code-5',
  },
  BLOB_UNKNOWN: { status: 404, message: 'blob unknown to registry', source: 'code-1' },
  BLOB_UPLOAD_UNKNOWN: {
    status: 404,
    message: 'blob upload unknown to registry',
    source: 'code-3',
  },
  BLOB_UPLOAD_INVALID: { status: 404, message: 'blob upload invalid', source: 'code-2' },
  PAGINATION_NUMBER_INVALID: {
    status: 400,
    message: 'invalid number of results requested',
    source: 'distribution',
  },
  REQUEST_INVALID: { status: 400, message: 'malformed request', source: 'longshore' },
  NOT_FOUND: { status: 404, message: 'page not found', source: 'longshore' },
  NOT_ACCEPTABLE: { status: 404, message: 'manifest unknown', source: 'distribution' },
};

/** Codes that are ours alone inside the program; what a client reads in their place. */
export const printedCodes: Partial<Record<ErrorCode, string>> = {
  MANIFEST_TOO_LARGE: 'MANIFEST_INVALID',
  NOT_ACCEPTABLE: 'MANIFEST_UNKNOWN',
  STORAGE_FULL: 'UNAVAILABLE',
  NOT_FOUND: 'UNSUPPORTED',
  REQUEST_INVALID: 'NAME_INVALID',
};

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCodes, text);
}
