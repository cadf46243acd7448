/**
 * `longshore notifications replay`: gives dead letters another go. Works beside a running registry or without one: it
 * puts them into a lane without an owner, which a running registry finds within seconds and another at its next start.
 */

import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { listDeadLetters } from './dead-letters.ts';
import { makeLane, releaseLane, syncFolder } from './lanes.ts';
import { decodeRecords, encodeRecord, type SpoolRecord } from './spool-record.ts';

export interface ReplayResult {
  readonly events: number;
  readonly batches: number;
  /** Lines that cannot be read; their files are kept under `.broken`. */
  readonly broken: number;
}

/**
 * Queues dead letters again, oldest first, and removes their files. Event ids stay, so a receiver can tell repeats.
 *
 * @param directory  The spool's folder.
 * @param endpoint   Only those of this endpoint; others stay where they are.
 */
export async function replayDeadLetters(
  directory: string,
  options: { endpoint?: string; now?: () => number } = {},
): Promise<ReplayResult> {
  const wanted = (record: SpoolRecord): boolean =>
    options.endpoint === undefined || record.for.includes(options.endpoint);
  const result = { events: 0, batches: 0, broken: 0 };
  for (const file of await listDeadLetters(directory)) {
    const { records, broken } = decodeRecords(await readFile(file, 'utf8'));
    result.broken += broken;
    // A batch is of one endpoint: all of it or nothing.
    if (records.length > 0 && records.every(wanted)) {
      await queueAgain(directory, records, (options.now ?? Date.now)());
      result.events += records.length;
      result.batches += 1;
      await (broken === 0 ? rm(file) : rename(file, `${file}.broken`));
    }
  }
  return result;
}

async function queueAgain(
  directory: string,
  records: readonly SpoolRecord[],
  nowMs: number,
): Promise<void> {
  // Owned until complete: a registry that looks meanwhile must not take half of it.
  const lane = await makeLane(directory, { nowMs, isOwned: true });
  const handle = await open(join(lane, '00000001.log'), 'wx', 0o600);
  try {
    const numbered = records.map((record, at) => encodeRecord({ ...record, seq: at + 1 }));
    await handle.appendFile(numbered.join(''));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncFolder(lane);
  await releaseLane(lane);
}
