/** A logger that keeps its lines, for tests of what operators are told. */

import type { LogFields, Logger, LogLevel } from '../../src/observe/logger.ts';

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

export interface RecordingLogger extends Logger {
  readonly lines: readonly LogLine[];
  /** Resolves with the first line, past or coming, whose message matches. */
  line(pattern: RegExp): Promise<LogLine>;
}

export function recordingLogger(): RecordingLogger {
  const lines: LogLine[] = [];
  const waiters = new Set<(line: LogLine) => void>();
  function log(level: LogLevel, message: string, fields: LogFields = {}): void {
    const line = { level, message, fields };
    lines.push(line);
    for (const waiter of waiters) waiter(line);
  }
  const logger: RecordingLogger = {
    lines,
    log,
    debug: (message, fields) => log('debug', message, fields),
    info: (message, fields) => log('info', message, fields),
    warn: (message, fields) => log('warn', message, fields),
    error: (message, fields) => log('error', message, fields),
    isEnabled: () => true,
    child: () => logger,
    line(pattern: RegExp): Promise<LogLine> {
      const found = lines.find(({ message }) => pattern.test(message));
      if (found !== undefined) return Promise.resolve(found);
      return new Promise((resolve) => {
        const waiter = (line: LogLine): void => {
          if (!pattern.test(line.message)) return;
          waiters.delete(waiter);
          resolve(line);
        };
        waiters.add(waiter);
      });
    },
  };
  return logger;
}
