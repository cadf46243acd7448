/** The table of line formats by the names of `log.formatter`. */

import { createJsonFormat } from './json-format.ts';
import type { LineFormat } from './line-format.ts';
import { createTerminalFormat, createTextFormat } from './text-format.ts';

export const formatNames = ['text', 'json', 'logstash', 'terminal'] as const;
export type FormatName = (typeof formatNames)[number];

/** @param startMs  Terminals show seconds since then. */
export function createLineFormat(name: FormatName, startMs: number): LineFormat {
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
