/**
 * Removes upload sessions that nobody finished (`storage.maintenance.uploadpurging`). Also those without a readable
 * `startedat`, by the age of their files: Distribution leaves such stubs behind and never removes them.
 */

import { hasCode } from '../errors.ts';
import type { RepositoryName } from '../oci/reference.ts';
import { formatGoDuration } from '../options/go-duration.ts';
import { DriverCode } from '../storage/driver.ts';
import { repositoriesPath, rootPath, uploadPath, uploadsPath } from '../storage/layout.ts';
import { deleteSession, getStartedAt } from '../storage/upload-store.ts';
import { walkRepositoryDirectories } from './catalog.ts';
import type { RegistryContext } from './context.ts';

export interface PurgeOptions {
  /** Sessions older than this many milliseconds go. */
  readonly age: number;
  readonly interval: number;
  readonly dryrun: boolean;
}

export interface PurgeResult {
  readonly deleted: number;
  readonly errors: number;
}

/** Instances that start together must not walk storage together: up to an hour, as Distribution. */
const minuteMs = 60 * 1000;
const maxJitterMs = 60 * minuteMs;

/** Goes through all repositories once. Dry run counts as deleted. */
export async function purgeUploads(
  context: RegistryContext,
  options: Pick<PurgeOptions, 'age' | 'dryrun'>,
  signal?: AbortSignal,
): Promise<PurgeResult> {
  const { driver, logger } = context;
  const olderThanMs = context.now() - options.age;
  const limit = goTime(olderThanMs);
  logger.info(`PurgeUploads starting: olderThan=${limit}, actuallyDelete=${!options.dryrun}`);
  let deleted = 0;
  let errors = 0;
  for await (const name of walkRepositoryDirectories(context, '_uploads')) {
    if (signal?.aborted) {
      break;
    }
    try {
      for (const entry of (await driver.list(uploadsPath(name))) ?? []) {
        const startedAtMs = await sessionTime(context, name, entry.name);
        if (startedAtMs !== undefined && startedAtMs < olderThanMs) {
          const started = goTime(startedAtMs);
          logger.info(
            `Upload files in ${uploadPath(name, entry.name)} have older date (${started}) than purge date (${limit}).  Removing upload directory.`,
          );
          if (!options.dryrun) {
            await deleteSession(driver, name, entry.name);
          }
          deleted += 1;
        }
      }
    } catch (error) {
      errors += 1;
      logger.warn('cannot purge the uploads of a repository', { name, error });
    }
  }
  if (!options.dryrun) {
    // Where blobs are also written in their own place, what a crash left of that lies there. Elsewhere garbage
    // collection looks beside blobs, as it goes through all of them.
    const below = driver.openReplacement === undefined ? repositoriesPath : rootPath;
    await driver.purgeUploads?.(below, olderThanMs);
  }
  logger.info(`Purge uploads finished.  Num deleted=${deleted}, num errors=${errors}`);
  return { deleted, errors };
}

/** A time as Go prints it in Distribution's log lines: `2024-01-02 03:04:05.6 +0000 UTC`. */
function goTime(ms: number): string {
  const [day, time = ''] = new Date(ms).toISOString().split('T');
  return `${day} ${time.replace(/\.?0*Z$/, '')} +0000 UTC`;
}

/** When a session began, else the newest time among its files; `undefined` when it went meanwhile. */
async function sessionTime(
  context: RegistryContext,
  name: RepositoryName,
  id: string,
): Promise<number | undefined> {
  return (
    (await getStartedAt(context.driver, name, id)) ?? (await uploadAgedAtMs(context, name, id))
  );
}

/** Newest time among a session's folder and files, for those that do not say when they began. */
export async function uploadAgedAtMs(
  context: RegistryContext,
  name: RepositoryName,
  id: string,
): Promise<number | undefined> {
  const { driver } = context;
  const path = uploadPath(name, id);
  const entries = (await driver.list(path)) ?? [];
  const files = await Promise.all(entries.map((entry) => driver.stat(`${path}/${entry.name}`)));
  const times = [await driver.stat(path), ...files].map((facts) => facts?.modifiedAtMs ?? 0);
  const newest = Math.max(...times);
  return newest > 0 ? newest : undefined;
}

/** Runs the purge on its own clock; a failing run is logged and never ends the process. */
export class UploadPurger {
  readonly #context: RegistryContext;
  readonly #options: PurgeOptions;
  readonly #stopping: AbortController = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<unknown> | undefined;

  constructor(context: RegistryContext, options: PurgeOptions) {
    this.#context = context;
    this.#options = options;
  }

  start(): void {
    const delayMs = Math.floor((Math.random() * maxJitterMs) / minuteMs) * minuteMs;
    this.#context.logger.info(`Starting upload purge in ${formatGoDuration(delayMs)}`);
    this.#schedule(delayMs);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stopping.abort();
    await this.#running;
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#running = this.#run();
    }, delayMs);
    this.#timer.unref();
  }

  async #run(): Promise<void> {
    try {
      await purgeUploads(this.#context, this.#options, this.#stopping.signal);
    } catch (error) {
      if (!hasCode(error, DriverCode.notFound)) {
        this.#context.logger.error('upload purge failed', { error });
      }
    }
    if (!this.#stopping.signal.aborted) {
      this.#schedule(this.#options.interval);
    }
  }
}
