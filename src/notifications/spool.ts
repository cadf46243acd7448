/**
 * Undelivered events on disk: an append-only log in segments, synced before `append` resolves. Concurrent appends
 * share one write and one sync, so their number costs little. notifications.ts owns it; lanes.ts knows the folder.
 */

import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText } from '../errors.ts';
import type { Logger } from '../observe/logger.ts';
import {
  makeLane,
  readLane,
  releaseLane,
  removeLane,
  syncFolder,
  takeAbandonedLanes,
  touchLane,
  writeSettled,
} from './lanes.ts';
import { encodeRecord, type SpoolRecord } from './spool-record.ts';

const segmentLimitBytes = 8 * 1024 * 1024;
/** Compaction starts when the log is this much larger than twice what still matters in it. */
const compactionSlackBytes = 4 * segmentLimitBytes;

interface Segment {
  readonly path: string;
  lastSeq: number;
  sizeBytes: number;
}

/** Appends that share a sync. */
interface Batch {
  lines: string[];
  lastSeq: number;
  readonly written: Promise<void>;
  readonly resolve: () => void;
}

export class Spool {
  readonly #directory: string;
  readonly #logger: Logger;
  readonly #now: () => number;
  #lane = '';
  /** Oldest first; the last one is open for appending. */
  #segments: Segment[] = [];
  #handle: FileHandle | undefined;
  #segmentNumber = 0;
  #batch: Batch = emptyBatch();
  /** Writes, rolls and compactions, one after the other. */
  #work: Promise<void> = Promise.resolve();
  #isDraining = false;
  #writeErrors = 0;

  constructor(options: { directory: string; logger: Logger; now: () => number }) {
    this.#directory = options.directory;
    this.#logger = options.logger;
    this.#now = options.now;
  }

  /** Makes the lane of this process. Rejects when the folder cannot be written. */
  async open(): Promise<void> {
    this.#lane = await makeLane(this.#directory, { nowMs: this.#now(), isOwned: true });
    await this.#roll();
  }

  /**
   * Takes over what processes that are gone (this one's earlier life, too) did not deliver.
   *
   * @param adopt  Gets the records of one lane and resolves when they are durable in ours or elsewhere; the lane is
   *               removed then, unless it says `false`.
   */
  async adoptAbandoned(
    adopt: (records: readonly SpoolRecord[]) => Promise<boolean>,
  ): Promise<void> {
    for (const lane of await takeAbandonedLanes(this.#directory, this.#now())) {
      const { records, broken } = await readLane(lane);
      if (broken > 0) {
        this.#logger.warn('spool: torn records skipped', { lane, records: broken });
      }
      const errorsBefore = this.#writeErrors;
      const areSafe = await adopt(records);
      if (areSafe && this.#writeErrors === errorsBefore) {
        await removeLane(lane);
      } else {
        // It stays ours and as it is: the next life of this process takes it again.
        this.#logger.warn('spool: a lane could not be taken over in full', { lane });
      }
    }
  }

  /** Resolves when the record is on disk. Never rejects: a failed write is logged and counted. */
  append(record: SpoolRecord): Promise<void> {
    const batch = this.#batch;
    batch.lines.push(encodeRecord(record));
    batch.lastSeq = record.seq;
    if (!this.#isDraining) {
      this.#isDraining = true;
      void this.#queueWork(() => this.#drain());
    }
    return batch.written;
  }

  /** Notes what is delivered, and removes segments that nobody needs any more. */
  async settle(settled: Record<string, number>): Promise<void> {
    await this.#queueWork(async () => {
      await writeSettled(this.#lane, settled);
      const everywhere = Math.min(...Object.values(settled));
      while (this.#segments.length > 1 && (this.#segments[0] as Segment).lastSeq <= everywhere) {
        const done = this.#segments.shift() as Segment;
        await rm(done.path, { force: true });
      }
    });
  }

  /** True when the log holds mostly what is delivered: one endpoint that waits pins the events of all others. */
  needsCompaction(pendingBytes: number): boolean {
    return this.sizeBytes > 2 * pendingBytes + compactionSlackBytes;
  }

  /** Writes what still matters to a new segment and drops the ones before. `pending` is read when the turn comes. */
  async compact(pending: () => readonly SpoolRecord[]): Promise<void> {
    await this.#queueWork(async () => {
      const old = this.#segments;
      await this.#roll();
      const records = pending();
      for (let at = 0; at < records.length; at += 1000) {
        const part = records.slice(at, at + 1000);
        await this.#write(part.map(encodeRecord).join(''), part.at(-1)?.seq ?? 0);
      }
      await this.#handle?.datasync();
      for (const { path } of old) {
        await rm(path, { force: true });
      }
      this.#segments = this.#segments.filter((segment) => !old.includes(segment));
    });
  }

  /**
   * Keeps the lane ours; call every few seconds. False: this process stood still for so long that another one took
   * the lane over. There is a new lane then, and the caller must `compact` into it what still waits.
   */
  async touch(): Promise<boolean> {
    if (await touchLane(this.#lane, this.#now())) {
      return true;
    }
    this.#logger.error('spool: another process took this one for dead', { lane: this.#lane });
    await this.#queueWork(() => this.open());
    return false;
  }

  /** Everything appended is on disk, and the lane is free for the next process; removed when nothing is left in it. */
  async close(isEmpty: boolean): Promise<void> {
    await this.#queueWork(async () => {
      await this.#handle?.close();
      this.#handle = undefined;
      await (isEmpty ? removeLane(this.#lane) : releaseLane(this.#lane));
    });
  }

  get sizeBytes(): number {
    return this.#segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  get writeErrors(): number {
    return this.#writeErrors;
  }

  async #drain(): Promise<void> {
    while (this.#batch.lines.length > 0) {
      const batch = this.#batch;
      this.#batch = emptyBatch();
      try {
        if ((this.#segments.at(-1)?.sizeBytes ?? segmentLimitBytes) >= segmentLimitBytes) {
          await this.#roll();
        }
        await this.#write(batch.lines.join(''), batch.lastSeq);
        await this.#handle?.datasync();
      } catch (error) {
        this.#writeErrors += 1;
        this.#logger.error('spool: write failed, its events are in memory only', {
          events: batch.lines.length,
          error: errorText(error),
        });
        // The segment may end in half a record: leave it behind.
        await this.#roll().catch(() => undefined);
      }
      batch.resolve();
    }
    this.#isDraining = false;
  }

  async #write(text: string, lastSeq: number): Promise<void> {
    const segment = this.#segments.at(-1);
    if (segment === undefined || this.#handle === undefined) {
      throw new Error('no segment is open');
    }
    await this.#handle.appendFile(text);
    segment.sizeBytes += Buffer.byteLength(text);
    segment.lastSeq = Math.max(segment.lastSeq, lastSeq);
  }

  async #roll(): Promise<void> {
    const previous = this.#handle;
    this.#handle = undefined;
    await previous?.close();
    this.#segmentNumber += 1;
    const path = join(this.#lane, `${String(this.#segmentNumber).padStart(8, '0')}.log`);
    this.#handle = await open(path, 'a', 0o600);
    await syncFolder(this.#lane);
    this.#segments = [...this.#segments, { path, lastSeq: 0, sizeBytes: 0 }];
  }

  /** Rejects with the failure of this piece of work; later ones run all the same. */
  #queueWork(work: () => Promise<void>): Promise<void> {
    const turn = this.#work.then(work);
    this.#work = turn.catch(() => undefined);
    return turn;
  }
}

function emptyBatch(): Batch {
  let resolve = (): void => {};
  const written = new Promise<void>((done) => {
    resolve = done;
  });
  return { lines: [], lastSeq: 0, written, resolve };
}
