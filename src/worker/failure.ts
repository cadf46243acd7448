/** An error as a value that survives structured clone; pool/rebuild-error.ts makes an error of it again. */

import { errorText } from '../errors.ts';
import type { WorkerResult } from './protocol.ts';

export function failure(error: unknown): WorkerResult<never> & { readonly ok: false } {
  const coded = error as { code?: unknown; detail?: unknown; retryable?: unknown };
  return {
    ok: false,
    code: typeof coded.code === 'string' ? coded.code : undefined,
    message: errorText(error),
    detail: coded.detail,
    retryable: coded.retryable === true,
  };
}
