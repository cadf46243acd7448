/**
 * Turns errno errors into driver errors, once, at the driver's edge. The message names the driver's path, never the
 * place of the root directory; the errno error itself goes along as the cause, for logs.
 */

import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { isAbort } from '../../../errors.ts';
import { DriverCode, DriverError, PathNotFoundError } from '../../driver.ts';

export const driverName = 'filesystem';

const meaningOf: Readonly<Record<string, { code: `DRIVER_${string}`; retryable?: boolean }>> = {
  ENOSPC: { code: DriverCode.full },
  EDQUOT: { code: DriverCode.full },
  ENAMETOOLONG: { code: DriverCode.invalidPath },
  EMFILE: { code: DriverCode.unavailable, retryable: true },
  ENFILE: { code: DriverCode.unavailable, retryable: true },
  ENOMEM: { code: DriverCode.unavailable, retryable: true },
  EAGAIN: { code: DriverCode.unavailable, retryable: true },
  EBUSY: { code: DriverCode.unavailable, retryable: true },
  ESTALE: { code: DriverCode.unavailable, retryable: true },
  ETIMEDOUT: { code: DriverCode.unavailable, retryable: true },
};

/** Errors that libuv has no names for: it calls them `Unknown system error -122`. */
const unnamed: readonly (readonly [number, string, string])[] = [
  [constants.errno.EDQUOT, 'EDQUOT', 'disk quota exceeded'],
  [constants.errno.ESTALE, 'ESTALE', 'stale file handle'],
];
const unnamedOf: ReadonlyMap<number, string> = new Map(
  unnamed.map(([errno, name]) => [-errno, name]),
);

const textOf: ReadonlyMap<string, string> = new Map([
  ...getSystemErrorMap().values(),
  ...unnamed.map(([, name, text]) => [name, text] as const),
]);

/** The errno name of a failed call, or `undefined` for anything else. */
export function errnoOf(error: unknown): string | undefined {
  const { code, errno } = (error ?? {}) as { code?: unknown; errno?: unknown };
  if (typeof code !== 'string') {
    return undefined;
  }
  return (typeof errno === 'number' ? unnamedOf.get(errno) : undefined) ?? code;
}

/** An error shaped as node:fs makes them, for a call that broke its promise without saying why. */
export function fileError(code: string, syscall: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${textOf.get(code) ?? 'failed'}, ${syscall}`), {
    code,
    syscall,
  });
}

/**
 * The driver error for what a call on `path` threw. Driver errors and aborts pass unchanged. ENOTDIR counts as missing (a parent
 * is a file, so nothing can be there), and so does EISDIR from a read (no file is there).
 */
export function toDriverError(error: unknown, path: string): unknown {
  if (error instanceof DriverError || error instanceof TypeError || isAbort(error)) {
    return error;
  }
  const errno = errnoOf(error);
  if (errno === undefined) {
    return new DriverError(driverName, DriverCode.failed, `unexpected failure at ${path}`, {
      cause: error,
    });
  }
  const syscall = (error as NodeJS.ErrnoException).syscall ?? 'access';
  const isMissing = errno === 'ENOENT' || errno === 'ENOTDIR';
  if (isMissing || (errno === 'EISDIR' && syscall === 'read')) {
    return new PathNotFoundError(driverName, path, error);
  }
  const meaning = meaningOf[errno] ?? { code: DriverCode.failed };
  return new DriverError(
    driverName,
    meaning.code,
    `${syscall} ${path}: ${textOf.get(errno) ?? errno} (${errno})`,
    { retryable: meaning.retryable ?? false, detail: { path, errno }, cause: error },
  );
}

/** Bytes of another process came between: the upload at `path` holds more than its writer knows of. */
export function uploadConflict(path: string): DriverError {
  return new DriverError(driverName, DriverCode.conflict, `another writer was at ${path}`);
}

/** Awaits `work` and translates what it throws. */
export async function translating<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw toDriverError(error, path);
  }
}
