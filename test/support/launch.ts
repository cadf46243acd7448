/**
 * The built `longshore` command as a child process under the test's hand: its streams as text, its lines to wait for,
 * its end. For tests of the command line; registry.ts is shorter where only a running registry is wanted.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { launcher } from './registry.ts';

export interface LaunchOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Heed the permissions of files, also when the test runs as root. */
  readonly withoutRootRights?: boolean;
}

export interface Ended {
  /** `null` when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Launched {
  readonly ended: Promise<Ended>;
  stdout(): string;
  stderr(): string;
  /** Resolves when stderr matches; rejects when the process ends without it. */
  seen(pattern: RegExp): Promise<RegExpExecArray>;
  /** The port of the line `listening on …`. */
  port(): Promise<number>;
  kill(signal: NodeJS.Signals): void;
}

/** Becomes the program after it, with the same pid and without root's right to pass over permissions. */
const limited = ['setpriv', '--bounding-set', '-dac_override,-dac_read_search'] as const;

/** What starts the built program heeding the permissions of files, also when the test runs as root. */
export function startWithoutRootRights(): readonly [string, ...string[]] {
  return process.getuid?.() === 0
    ? [...limited, process.execPath, launcher]
    : [process.execPath, launcher];
}

export function launch(args: readonly string[], options: LaunchOptions = {}): Launched {
  const [program, ...before] = options.withoutRootRights
    ? startWithoutRootRights()
    : ([process.execPath, launcher] as const);
  const child = spawn(program, [...before, ...args], {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = once(child, 'close').then(() => ({
    code: child.exitCode,
    signal: child.signalCode,
    stdout,
    stderr,
  }));

  async function seen(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(stderr);
      if (match !== null) return match;
      const more = once(child.stderr, 'data').then(() => true);
      const isRunning = await Promise.race([more, ended.then(() => false)]);
      if (!isRunning && !pattern.test(stderr)) {
        throw new Error(`ended (${child.exitCode}) without ${pattern}: ${stderr}`);
      }
    }
  }

  return {
    ended,
    stdout: () => stdout,
    stderr: () => stderr,
    seen,
    port: async () => Number((await seen(/listening on \S*:(\d+)"/))[1]),
    kill: (signal) => {
      child.kill(signal);
    },
  };
}

/** Writes a configuration file as it stands and gives its path. */
export async function configFile(folder: string, yaml: string): Promise<string> {
  const file = join(folder, 'config.yml');
  await writeFile(file, yaml);
  return file;
}
