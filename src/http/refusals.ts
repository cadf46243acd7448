/** Errors that handlers raise for what a request may not do here. */

import { CodedError } from '../errors.ts';

/** Deletes are off (`storage.delete.enabled`). */
export function unsupported(): CodedError {
  return new CodedError('UNSUPPORTED', 'The operation is unsupported.');
}

export function requestInvalid(detail: string): CodedError {
  return new CodedError('REQUEST_INVALID', 'malformed request', { detail });
}

export function pageNumberInvalid(n: number | string): CodedError {
  return new CodedError('PAGINATION_NUMBER_INVALID', 'invalid number of results requested', {
    detail: { n },
  });
}
