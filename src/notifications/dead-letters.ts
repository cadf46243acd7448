/**
 * Events that an endpoint's full queue had to give up, in files of one batch each, until an operator replays them
 * (replay.ts). A batch is a file of its own so that replaying and adding never touch the same one.
 */

import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText, hasCode } from '../errors.ts';
import type { Logger } from '../observe/logger.ts';
import { syncFolder } from './lanes.ts';
import { encodeRecord, type SpoolRecord } from './spool-record.ts';

const extension = '.jsonl';

export function deadLetterFolder(directory: string): string {
  return join(directory, 'dead-letters');
}

/** Whole batches, oldest first; empty when there is no folder. */
export async function listDeadLetters(directory: string): Promise<string[]> {
  try {
    const names = await readdir(deadLetterFolder(directory));
    return names
      .filter((name) => name.endsWith(extension))
      .sort()
      .map((name) => join(deadLetterFolder(directory), name));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) {
      return [];
    }
    throw error;
  }
}

export class DeadLetters {
  readonly #directory: string;
  readonly #limitBytes: number;
  readonly #logger: Logger;
  readonly #now: () => number;
  #sizeBytes = 0;

  constructor(options: {
    directory: string;
    limitBytes: number;
    logger: Logger;
    now: () => number;
  }) {
    this.#directory = options.directory;
    this.#limitBytes = options.limitBytes;
    this.#logger = options.logger;
    this.#now = options.now;
  }

  /** As of the last `put` or `measure`. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Counts anew: a replay may have emptied the folder. */
  async measure(): Promise<void> {
    let sizeBytes = 0;
    for (const file of await listDeadLetters(this.#directory)) {
      // Gone in between means replayed in between.
      sizeBytes += await stat(file).then(
        (facts) => facts.size,
        () => 0,
      );
    }
    this.#sizeBytes = sizeBytes;
  }

  /** True once the records are on disk. False, with a log line, when the folder is full or cannot be written. */
  async put(records: readonly SpoolRecord[]): Promise<boolean> {
    const text = records.map(encodeRecord).join('');
    const sizeBytes = Buffer.byteLength(text);
    try {
      if (this.#sizeBytes + sizeBytes > this.#limitBytes) {
        await this.measure();
      }
      if (this.#sizeBytes + sizeBytes > this.#limitBytes) {
        this.#logger.error('dead-letter folder is full: replay or empty it', {
          directory: deadLetterFolder(this.#directory),
          limitBytes: this.#limitBytes,
        });
        return false;
      }
      await this.#write(text);
      this.#sizeBytes += sizeBytes;
      return true;
    } catch (error) {
      this.#logger.error('dead letters could not be written', { error: errorText(error) });
      return false;
    }
  }

  async #write(text: string): Promise<void> {
    const folder = deadLetterFolder(this.#directory);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const time = String(this.#now()).padStart(15, '0');
    const path = join(folder, `${time}-${randomBytes(4).toString('hex')}`);
    const handle = await open(`${path}.tmp`, 'wx', 0o600);
    try {
      await handle.appendFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${path}.tmp`, `${path}${extension}`);
    await syncFolder(folder);
  }
}
