/** A logger that keeps every record, at every level, for tests that look into them. */

import type { LogFields, Logger, LogLevel } from '../../src/observe/logger.ts';

export interface LogRecord {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

export interface LogRecorder {
  readonly logger: Logger;
  readonly records: LogRecord[];
  /** Everything logged, as one text to search for what must not be there. Error causes are followed. */
  text(): string;
}

export function recordLogs(): LogRecorder {
  const records: LogRecord[] = [];
  const make = (base: LogFields): Logger => {
    const log = (level: LogLevel, message: string, fields: LogFields = {}): void => {
      records.push({ level, message, fields: { ...base, ...fields } });
    };
    return {
      debug: (message, fields) => log('debug', message, fields),
      info: (message, fields) => log('info', message, fields),
      warn: (message, fields) => log('warn', message, fields),
      error: (message, fields) => log('error', message, fields),
      log,
      isEnabled: () => true,
      child: (fields) => make({ ...base, ...fields }),
    };
  };
  return { logger: make({}), records, text: () => records.map(recordText).join('\n') };
}

function recordText({ level, message, fields }: LogRecord): string {
  return `${level} ${message} ${JSON.stringify(fields, (_key, value: unknown) =>
    value instanceof Error ? `${value.message} <- ${JSON.stringify(value.cause)}` : value,
  )}`;
}
