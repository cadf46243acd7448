/** A logger that keeps what it is told, for tests that judge log lines. */

import type { LogFields, Logger, LogLevel } from '../../src/observe/logger.ts';

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

export function collectLogger(): Logger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: LogLevel) => (message: string, fields?: LogFields) => {
    lines.push({ level, message, fields });
  };
  const logger = {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    log: (level: LogLevel, message: string, fields?: LogFields) => at(level)(message, fields),
    isEnabled: () => true,
    child: () => logger,
  };
  return logger;
}
