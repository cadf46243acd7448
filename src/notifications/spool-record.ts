/**
 * Spooled events as lines of text. Pure; spool.ts, dead-letters.ts and replay.ts read and write them.
 *
 *   <crc32 of the JSON, 8 hex digits> <space> {"seq":7,"for":["ci"],"at":1764000000000,"event":{…}} <newline>
 *
 * A line that a crash tore, or a disk spoilt, fails its check and is skipped; the lines around it stand.
 */

import { crc32 } from 'node:zlib';
import type { NotificationEvent } from './envelope.ts';

export interface SpoolRecord {
  readonly seq: number;
  /** Keys of the endpoints that have still to get the event. */
  readonly for: readonly string[];
  /** When it happened, in milliseconds. */
  readonly at: number;
  readonly event: NotificationEvent;
}

export function encodeRecord(record: SpoolRecord): string {
  const json = JSON.stringify(record);
  return `${checksum(json)} ${json}\n`;
}

/** Records in the order written, and how many lines were torn or spoilt. */
export function decodeRecords(text: string): { records: SpoolRecord[]; broken: number } {
  const records: SpoolRecord[] = [];
  let broken = 0;
  for (const line of text.split('\n')) {
    if (line === '') {
      continue;
    }
    const json = line.slice(9);
    if (line[8] === ' ' && line.slice(0, 8) === checksum(json)) {
      records.push(JSON.parse(json) as SpoolRecord);
    } else {
      broken += 1;
    }
  }
  return { records, broken };
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, '0');
}
