/**
 * Has a virtual machine's host give the memory that a run will fill, before the run. Page cache that grows into memory
 * which the guest never used, or gave back, costs up to 3 CPU seconds a GiB whoever writes (docs/performance.md, First
 * touch). The faster server writes more of it in its time, so that its lead would shrink with the state of the host.
 * Servers rest meanwhile, which is when a runtime with a garbage collector tidies up.
 */

import { accessSync, closeSync, constants, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { hasCode } from '../../src/errors.ts';

const folder = '/dev/shm';
const piece = Buffer.alloc(1024 * 1024);
/** Of what is free: a machine must not swap for a benchmark. */
const share = 0.5;

/**
 * Fills a file in memory and removes it, whereupon its pages are the first to be taken again.
 *
 * @returns bytes touched: fewer than asked where there is no such file system, or no room
 */
export function touchMemory(bytes: number): number {
  const most = Math.min(bytes, roomOf(folder) * share, freemem() * share);
  if (most < piece.length) {
    return 0;
  }
  const path = join(folder, `longshore-bench-${process.pid}`);
  const file = openSync(path, 'w');
  let touched = 0;
  try {
    while (touched + piece.length <= most) {
      touched += writeSync(file, piece);
    }
  } catch (error) {
    // Another program took the room meanwhile.
    if (!hasCode(error, 'ENOSPC')) {
      throw error;
    }
  } finally {
    closeSync(file);
    rmSync(path);
  }
  return touched;
}

function roomOf(path: string): number {
  try {
    accessSync(path, constants.W_OK);
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    // Not there, or not ours to write.
    return 0;
  }
}
