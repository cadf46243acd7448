/** Makes an error of what a worker reported, of the class that callers on this thread expect. */

import { CodedError } from '../errors.ts';
import { DriverCode, DriverError, PathNotFoundError } from '../storage/driver.ts';
import type { WorkerResult } from '../worker/protocol.ts';

export function rebuildError(result: WorkerResult<unknown> & { ok: false }): Error {
  const { code, message, detail, retryable } = result;
  if (code?.startsWith('DRIVER_')) {
    const colon = message.indexOf(': ');
    const driver = message.slice(0, Math.max(0, colon));
    if (code === DriverCode.notFound) {
      return new PathNotFoundError(driver, (detail as { path?: string } | undefined)?.path ?? '');
    }
    return new DriverError(driver, code as `DRIVER_${string}`, message.slice(colon + 2), {
      retryable,
      detail,
    });
  }
  return code === undefined ? new Error(message) : new CodedError(code, message, { detail });
}
