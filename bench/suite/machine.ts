/** What figures were taken on: without it they mean nothing. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { version } from '../../src/version.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
  readonly longshore: string;
  /** File system of the storage root, and the device below it. */
  readonly storage: string;
  /** Mean of the last minute at the start: above 0.5 something else was running. */
  readonly loadAtStart: number;
  /** Whether servers and client ran at raised priority. */
  readonly isRaised: boolean;
}

export function machineOf(root: string, isRaised: boolean): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    longshore: version,
    storage: fileSystemOf(root, readFileSync('/proc/self/mounts', 'utf8')),
    loadAtStart: loadavg()[0] ?? 0,
    isRaised,
  };
}

/** `ext4 on /dev/vda`: the mount with the longest path above `path`, the last one where several have it. */
export function fileSystemOf(path: string, mounts: string): string {
  let found = { length: -1, text: 'unknown' };
  for (const line of mounts.split('\n')) {
    const [device = '', mount = '', type = ''] = line.split(' ');
    const isAbove = mount === '/' || path === mount || path.startsWith(`${mount}/`);
    if (mount !== '' && isAbove && mount.length >= found.length) {
      found = { length: mount.length, text: `${type} on ${device}` };
    }
  }
  return found.text;
}

/** Whether `nice -n -15` may be used here: root, or a limit that allows it. */
export function mayRaisePriority(): boolean {
  const { status, stderr } = spawnSync('nice', ['-n', '-15', 'true']);
  return status === 0 && stderr.length === 0;
}

/** First line that a program prints of its version. */
export function programVersion(command: string, args: readonly string[]): string {
  const { stdout, status } = spawnSync(command, args);
  return status === 0 ? (stdout.toString().split('\n')[0] ?? '').trim() : 'unknown';
}
