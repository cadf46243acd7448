/**
 * Builds the fault injector test/fault/io-fault.c and steers it. A child process started with `env` has its file calls
 * failed as `set` says; what a line means stands at the top of the C file.
 */

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const source = new URL('../fault/io-fault.c', import.meta.url).pathname;

export interface Fault {
  readonly call: 'open' | 'write' | 'read' | 'fdatasync' | 'fsync' | 'rename' | 'mkdir' | 'unlink';
  /** Part of the path, or of the path behind the descriptor; for renames of the target. */
  readonly path: string;
  /** Matching calls to let pass first. */
  readonly skip?: number;
  /** Matching calls to fail then; all by default. */
  readonly count?: number;
  /** An errno name, or SHORT for writes that take half. */
  readonly what: string;
}

export interface IoFault {
  readonly env: Readonly<Record<string, string>>;
  set(fault: Fault): void;
  clear(): void;
}

/** Why the injector cannot be used here, or `undefined`. */
export async function ioFaultMissing(): Promise<string | undefined> {
  if (process.platform !== 'linux') {
    return 'LD_PRELOAD needs Linux';
  }
  try {
    await promisify(execFile)('gcc', ['--version']);
    return undefined;
  } catch {
    return 'no gcc';
  }
}

/** Compiles into `folder`. */
export async function buildIoFault(folder: string): Promise<IoFault> {
  const library = join(folder, 'io-fault.so');
  const control = join(folder, 'io-fault.txt');
  await promisify(execFile)('gcc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']);
  writeFileSync(control, '');
  let count = 0;
  return {
    env: { LD_PRELOAD: library, IO_FAULT_FILE: control, UV_USE_IO_URING: '0' },
    set(fault: Fault): void {
      // The number at the end tells a line from an equal one before it, so that counting starts anew.
      count += 1;
      const { call, path, skip = 0, count: times = 1_000_000, what } = fault;
      writeFileSync(control, `${call} ${path} ${skip} ${times} ${what} ${count}`);
    },
    clear(): void {
      writeFileSync(control, '');
    },
  };
}
