/** Starts Debian's docker-registry (Distribution 2.8) on a data directory, with the secret that ours uses in tests. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { testSecret } from './registry.ts';

export interface RunningDockerRegistry {
  readonly port: number;
  stop(): Promise<void>;
}

export async function startDockerRegistry(root: string): Promise<RunningDockerRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-test-'));
  const file = join(folder, 'config.yml');
  await writeFile(
    file,
    stringify({
      version: 0.1,
      log: { level: 'info' },
      storage: { filesystem: { rootdirectory: root }, delete: { enabled: true } },
      http: { addr: '127.0.0.1:0', secret: testSecret },
    }),
  );
  const child = spawn('docker-registry', ['serve', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  const port = await new Promise<number>((resolve, reject) => {
    child.stderr.on('data', (data: Buffer) => {
      log += data.toString();
      const match = /listening on 127\.0\.0\.1:(\d+)/.exec(log);
      if (match !== null) {
        resolve(Number(match[1]));
      }
    });
    child.once('exit', (code) => reject(new Error(`docker-registry ended (${code}): ${log}`)));
    child.once('error', reject);
  });
  return {
    port,
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
