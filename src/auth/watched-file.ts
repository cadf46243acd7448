/**
 * A file that is read at start and again whenever it changes: htpasswd, JWKS and root bundles.
 * A broken or vanished new version keeps the last good one and is logged. Knows nothing of the content.
 *
 * Two ways of noticing, because neither is enough: fs.watch on the folder is prompt and sees renames and the `..data`
 * swap of a Kubernetes volume, but misses network file systems and links that lead elsewhere; the slow poll of the
 * resolved file's facts sees all of them.
 */

import { createHash } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CodedError, errorText } from '../errors.ts';
import type { Logger } from '../observe/logger.ts';

export interface WatchedFileSettings {
  readonly path: string;
  /** Names the file in messages: `htpasswd file`, `jwks file`. */
  readonly what: string;
  /** Takes the new content into use, or throws and changes nothing. Calls never overlap. */
  load(content: Buffer): void | Promise<void>;
  readonly logger: Logger;
  readonly pollMs?: number;
}

export interface WatchedFile {
  /** Reads, loads and starts watching. Rejects with the reason when the first load fails. */
  start(): Promise<void>;
  /** Looks now, whatever the file's facts say. Never rejects. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

const defaultPollMs = 2000;
/** A burst of events (an editor's save, a volume swap) is looked at once. */
const settleMs = 30;
/** A file written so lately may change again within the same time stamp; it is read once more at the next look. */
const freshMs = 100;
const maxFileBytes = 16 * 1024 * 1024;

export function createWatchedFile(settings: WatchedFileSettings): WatchedFile {
  const { path, what, logger } = settings;
  let facts = '';
  let contentHash = '';
  let lastFault = '';
  let watcher: FSWatcher | undefined;
  let pollTimer: NodeJS.Timeout | undefined;
  let settleTimer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let isStopped = false;

  /** Reads when the facts differ from the last read, loads when the bytes do. */
  async function look(always: boolean): Promise<void> {
    const current = await stat(path, { bigint: true });
    const isFresh = Math.abs(Date.now() - Number(current.mtimeMs)) < freshMs;
    const now = `${current.dev}:${current.ino}:${current.mtimeNs}:${current.ctimeNs}:${current.size}`;
    if (!always && now === facts) return;
    const content = await readBounded(path);
    facts = isFresh ? '' : now;
    const hash = createHash('sha256').update(content).digest('base64');
    if (hash === contentHash) return;
    // Remembered before loading: a broken version is reported once, not at every poll.
    contentHash = hash;
    await settings.load(content);
    lastFault = '';
  }

  /** Runs looks one after another; failures are logged once per kind and the old content stays in use. */
  function check(always: boolean): Promise<void> {
    running = running.then(async () => {
      if (isStopped) return;
      const before = contentHash;
      try {
        await look(always);
        if (before !== contentHash) logger.info(`${what} reloaded`, { path });
      } catch (error) {
        const fault = `${contentHash}:${errorText(error)}`;
        if (fault !== lastFault) {
          logger.error(`${what} could not be reloaded, the previous one stays in use`, {
            path,
            error: errorText(error),
          });
        }
        lastFault = fault;
      }
    });
    return running;
  }

  function watchFolder(): void {
    try {
      watcher = watch(dirname(path), { persistent: false }, () => {
        if (settleTimer !== undefined || isStopped) return;
        settleTimer = setTimeout(() => {
          settleTimer = undefined;
          void check(false);
        }, settleMs);
        settleTimer.unref();
      });
      // The folder itself went away or cannot be watched: polling goes on.
      watcher.on('error', (error) => {
        logger.debug(`${what}: watching its folder failed, polling only`, {
          path,
          error: errorText(error),
        });
        watcher?.close();
      });
    } catch (error) {
      logger.debug(`${what}: its folder cannot be watched, polling only`, {
        path,
        error: errorText(error),
      });
    }
  }

  return {
    async start(): Promise<void> {
      await look(true);
      watchFolder();
      pollTimer = setInterval(() => void check(false), settings.pollMs ?? defaultPollMs);
      pollTimer.unref();
    },
    reload: () => check(true),
    async stop(): Promise<void> {
      isStopped = true;
      watcher?.close();
      clearInterval(pollTimer);
      clearTimeout(settleTimer);
      await running;
    },
  };
}

async function readBounded(path: string): Promise<Buffer> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    const { size } = await handle.stat();
    if (size > maxFileBytes) {
      throw new CodedError('FILE_TOO_LARGE', `larger than ${maxFileBytes} bytes`);
    }
    return await handle.readFile();
  } finally {
    await handle?.close();
  }
}
