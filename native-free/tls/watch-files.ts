/**
 * Tells when any of a few files changed, by whatever way: written in place, renamed over, or behind a symlink that
 * was swapped (Kubernetes secrets, where only a `..data` link two steps away changes).
 */

import { realpath, stat } from 'node:fs/promises';
import { hasCode } from '../../src/errors.ts';

/**
 * Polls, since fs.watch sees neither links swapped further up nor changes on network file systems. A look costs two
 * system calls per file.
 */
const defaultIntervalMs = 5_000;

export interface FileWatch {
  /** Looks now; resolves after `onChange` was called, if something changed. */
  check(): Promise<void>;
  stop(): void;
}

/** @param onChange Called after a change; must not throw. Not called again while it runs. */
export async function watchFiles(
  paths: readonly string[],
  onChange: () => Promise<void>,
  intervalMs: number = defaultIntervalMs,
): Promise<FileWatch> {
  let known = await fingerprint(paths);
  let running: Promise<void> | undefined;

  async function look(): Promise<void> {
    const seen = await fingerprint(paths);
    if (seen === known) return;
    known = seen;
    await onChange();
  }
  function check(): Promise<void> {
    running ??= look().finally(() => {
      running = undefined;
    });
    return running;
  }
  const timer = setInterval(() => void check(), intervalMs);
  timer.unref();
  return { check, stop: () => clearInterval(timer) };
}

async function fingerprint(paths: readonly string[]): Promise<string> {
  const parts = await Promise.all(
    paths.map(async (path) => {
      try {
        const target = await realpath(path);
        const { ino, size, mtimeMs, ctimeMs } = await stat(target);
        return [target, ino, size, mtimeMs, ctimeMs].join(' ');
      } catch (error) {
        // Gone for a moment while somebody swaps it, or for good: either way a state of its own.
        return `${path} ${hasCode(error, 'ENOENT') ? 'absent' : 'unreadable'}`;
      }
    }),
  );
  return parts.join('\n');
}
