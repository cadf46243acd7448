/** The table of line formats by the names of `log.formatter`. */

import { createJsonFormat } from './json-format.ts';
import type { LineFormat } from './line-format.ts';
import { createTerminalFormat, createTextFormat } from './text-format.ts';

export const formatNames = ['text', 'json', 'logstash', 'terminal'] as const;
export type FormatName = (typeof formatNames)[number];

export interface FormatChoice {
  readonly name: FormatName;
  /** Terminals show seconds since then. */
  readonly startMs: number;
}

export function createLineFormat({ name, startMs }: FormatChoice): LineFormat {
  switch (name) {
    case 'text':
      return createTextFormat();
    case 'terminal':
      return createTerminalFormat(startMs);
    case 'json':
      return createJsonFormat({ time: 'time', message: 'msg', extra: {} });
    case 'logstash':
      return createJsonFormat({
        time: '@timestamp',
        message: 'message',
        extra: { '@version': '1', type: 'log' },
      });
  }
}
