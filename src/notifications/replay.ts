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
  /** Events that stay dead letters, by the endpoint that nobody has configured. */
  readonly left: ReadonlyMap<string, number>;
}

export interface ReplayTargets {
  /** Endpoints that deliver. */
  readonly configured: ReadonlySet<string>;
  /** Who takes the events of whom instead. */
  readonly renamed?: ReadonlyMap<string, string>;
}

/**
 * Queues dead letters again, oldest first, and removes their files. Event ids stay, so a receiver can tell repeats.
 * What no configured endpoint would take stays where it is: queued, it would be a dead letter again.
 *
 * @param directory  The spool's folder.
 */
export async function replayDeadLetters(
  directory: string,
  { configured, renamed }: ReplayTargets,
  now: () => number = Date.now,
): Promise<ReplayResult> {
  const left = new Map<string, number>();
  const result = { events: 0, batches: 0, broken: 0, left };
  for (const file of await listDeadLetters(directory)) {
    const { records, broken } = decodeRecords(await readFile(file, 'utf8'));
    result.broken += broken;
    // A batch is of one endpoint: all of it or nothing.
    const [key] = records[0]?.for ?? [];
    if (key === undefined) {
      continue;
    }
    const taker = renamed?.get(key) ?? key;
    if (!configured.has(taker)) {
      left.set(key, (left.get(key) ?? 0) + records.length);
      continue;
    }
    const addressed = records.map((record) => ({ ...record, for: [taker] }));
    await queueAgain(directory, addressed, now());
    result.events += records.length;
    result.batches += 1;
    await (broken === 0 ? rm(file) : rename(file, `${file}.broken`));
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
