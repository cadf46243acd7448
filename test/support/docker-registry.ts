/** Starts Debian's docker-registry (CNCF Distribution 2.8) as a child process, with the secret that ours uses in tests. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { testSecret } from './registry.ts';

export const dockerRegistryProgram = 'docker-registry';

export interface RunningDockerRegistry {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** Storage root of the filesystem driver; empty with another. */
  readonly root: string;
  stop(): Promise<void>;
}

/** @param storage  Root of filesystem storage, or a whole `storage` section; a temp folder when absent. */
export async function startDockerRegistry(
  storage?: string | Record<string, unknown>,
): Promise<RunningDockerRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-test-'));
  const root = typeof storage === 'object' ? '' : (storage ?? join(folder, 'data'));
  const section = typeof storage === 'object' ? storage : { filesystem: { rootdirectory: root } };
  const file = join(folder, 'config.yml');
  await writeFile(
    file,
    stringify({
      version: 0.1,
      log: { level: 'info' },
      storage: { delete: { enabled: true }, ...section },
      http: { addr: '127.0.0.1:0', secret: testSecret },
    }),
  );
  // Its S3 SDK replaces its HTTP client when that is set, and then ignores its own settings.
  const { AWS_CA_BUNDLE: _, ...env } = process.env;
  const child = spawn(dockerRegistryProgram, ['serve', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env,
  });
  let log = '';
  const port = await new Promise<number>((resolve, reject) => {
    child.stderr.on('data', (data: Buffer) => {
      // Only until it listens: a long test would gather megabytes.
      log = log.length < 100_000 ? log + data.toString() : log;
      const match = /listening on 127\.0\.0\.1:(\d+)/.exec(log);
      if (match !== null) {
        resolve(Number(match[1]));
      }
    });
    child.once('exit', (code) => reject(new Error(`docker-registry ended (${code}): ${log}`)));
    child.once('error', reject);
  });
  return {
    host: `127.0.0.1:${port}`,
    port,
    pid: child.pid ?? 0,
    root,
    async stop(): Promise<void> {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill();
        await ended;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}
