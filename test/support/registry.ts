/**
 * Starts the built registry as users run it: a child process with a configuration file of its own, on a free loopback
 * port. The child is ended by its pid.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';

export const launcher: string = fileURLToPath(
  new URL('../../dist/src/launch.cjs', import.meta.url),
);

/** Both front ends serve the same registry: API tests run once per entry. */
export const frontEnds = ['uws', 'node'] as const;
export type FrontEndName = (typeof frontEnds)[number];

type Section = Record<string, unknown>;

export interface RegistryRequest {
  readonly frontEnd?: FrontEndName;
  /** Merged over the defaults, section by section: filesystem storage in a temp folder, deletes on, a fixed secret. */
  readonly config?: Record<string, unknown>;
  /** Storage root; a temp folder that goes with the registry when absent. */
  readonly root?: string;
  readonly env?: Record<string, string>;
  /** What starts the program, in the place of Node on the build beside the tests. */
  readonly command?: readonly [string, ...string[]];
}

export interface RunningRegistry {
  /** As its log tells it: `HOST:PORT`, or the path of a unix socket. */
  readonly address: string;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  readonly root: string;
  /** Everything written to stderr so far. */
  log(): string;
  /** Everything written to stdout so far: the access log, if the configuration turns it on. */
  accessLog(): string;
  /** Ends it with SIGTERM (or another signal) and gives the exit code, `null` when killed. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** The shared secret, so that docker-registry can go on with our uploads. */
export const testSecret = 'a secret for tests';

export async function startRegistry(request: RegistryRequest = {}): Promise<RunningRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-test-'));
  const root = request.root ?? join(folder, 'data');
  const file = join(folder, 'config.yml');
  await writeFile(file, stringify(registryConfig(root, request)));
  const [program, ...args] = request.command ?? [process.execPath, launcher];
  const child = spawn(program, [...args, 'serve', file], {
    env: { ...process.env, ...request.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = capture(child.stderr);
  // Read in any case, or a full pipe would be noticed only by the child.
  const accessText = capture(child.stdout);
  const address = await listening(child, text).catch(async (error: unknown) => {
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  return {
    address,
    url: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    port,
    pid: child.pid ?? 0,
    root,
    log: text,
    accessLog: accessText,
    async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill(signal);
        await ended;
      }
      await rm(folder, { recursive: true, force: true });
      return child.exitCode;
    },
  };
}

/** Runs a command of the built program to its end. */
export async function runLongshore(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [launcher, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString();
  });
  await once(child, 'close');
  return { code: child.exitCode, stdout, stderr };
}

function registryConfig(root: string, request: RegistryRequest): Section {
  const defaults: Record<string, unknown> = {
    version: 0.1,
    log: { level: 'info', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: root }, delete: { enabled: true } },
    http: { addr: '127.0.0.1:0', secret: testSecret, frontend: request.frontEnd ?? 'auto' },
  };
  const merged: Section = { ...defaults };
  for (const [key, value] of Object.entries(request.config ?? {})) {
    const base = defaults[key];
    const isMergeable = isSection(base) && isSection(value) && key !== 'storage';
    merged[key] = isMergeable ? { ...base, ...value } : value;
    if (key === 'storage' && isSection(value) && isSection(base)) {
      const hasDriver = ['filesystem', 'inmemory', 's3'].some((driver) => driver in value);
      merged[key] = hasDriver ? { delete: { enabled: true }, ...value } : { ...base, ...value };
    }
  }
  return merged;
}

function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function capture(output: Readable): () => string {
  let text = '';
  output.setEncoding('utf8').on('data', (data: string) => {
    text += data;
  });
  return () => text;
}

/** The address in the line `listening on …`; rejects when the child ends first. */
function listening(child: ChildProcess, text: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const match = /listening on ([^"\s]+)/.exec(text());
      if (match?.[1] !== undefined) {
        child.stderr?.off('data', look);
        resolve(match[1]);
      }
    };
    child.stderr?.on('data', look);
    child.once('exit', (code) => reject(new Error(`registry ended (${code}): ${text()}`)));
  });
}
