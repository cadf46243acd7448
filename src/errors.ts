/**
 * Errors that cross rooms: a code that callers can judge by, a detail fit for a client, a cause for the log.
 * Used by every room; picks no HTTP status (http/error-reply.ts does).
 */

/**
 * Base of every expected failure.
 *
 * `code` is judged instead of `instanceof`, since classes do not survive a worker's structured clone.
 * `detail` must be JSON-safe and fit for a client; put what only an operator may see into `cause`.
 */
export class CodedError extends Error {
  readonly code: string;
  readonly detail: unknown;

  constructor(code: string, message: string, options: { detail?: unknown; cause?: unknown } = {}) {
    // No stack: the code says what happened, many are made on the hot path (each HEAD of a new blob), and taking a
    // stack costs ten times the rest. What nobody expected is another class, with its stack.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'CodedError';
    this.code = code;
    this.detail = options.detail;
  }
}

/** True when `error` carries the given code, whichever thread or class it came from. */
export function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && (error as { code?: unknown }).code === code;
}

/** Why a request's signal fired: the client closed the connection. Not a failure: one debug line, no metric. */
export class ClientGoneError extends CodedError {
  constructor(message = 'client disconnected') {
    super('CLIENT_GONE', message);
    this.name = 'AbortError';
  }
}

/** True for anything that means "stopped on purpose": an abort, or the client gone. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || hasCode(error, 'CLIENT_GONE'));
}

/** The text of an unknown thrown value, for logs. */
export function errorText(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    // What connecting to a name with several addresses fails with.
    return error.errors.map(errorText).join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}
