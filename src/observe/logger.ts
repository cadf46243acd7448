/**
 * The face of the application log that every room writes to. The real one is made by observe/create-logger.ts;
 * tests and workers use `silentLogger`.
 */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'panic';
/** JSON-safe values; `Secret`s print as `***`, Errors as their cause chain. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** `fatal` and `panic`: the process is about to end, or a handler broke in a way nobody foresaw. */
  log(level: LogLevel, message: string, fields?: LogFields): void;
  isEnabled(level: LogLevel): boolean;
  child(fields: LogFields): Logger;
}

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  log() {},
  isEnabled: () => false,
  child: () => silentLogger,
};
