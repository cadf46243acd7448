/** Debian's docker-registry (Distribution 2.8) as a child process, for tests of shared storage and of timings. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { testSecret } from './registry.ts';
import { tempFolder } from './temp-folder.ts';

export const debianRegistryProgram = 'docker-registry';

export interface DebianRegistry {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

export async function startDebianRegistry(
  storage: Record<string, unknown>,
): Promise<DebianRegistry> {
  const folder = await tempFolder();
  const port = await freePort();
  const file = join(folder.path, 'config.yml');
  await writeFile(
    file,
    stringify({
      version: 0.1,
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { delete: { enabled: true }, ...storage },
      http: { addr: `127.0.0.1:${port}`, secret: testSecret },
    }),
  );
  // Its SDK replaces its HTTP client when that is set, and then ignores its own settings.
  const { AWS_CA_BUNDLE: _, ...env } = process.env;
  const child = spawn(debianRegistryProgram, ['serve', file], { stdio: 'ignore', env });
  await answers(port, () => child.exitCode === null);
  return {
    host: `127.0.0.1:${port}`,
    port,
    pid: child.pid ?? 0,
    async stop(): Promise<void> {
      if (child.exitCode === null && child.signalCode === null) {
        const exit = once(child, 'exit');
        child.kill();
        await exit;
      }
      await folder.remove();
    },
  };
}

/** Polls: it announces nothing that could be waited for. */
async function answers(port: number, isRunning: () => boolean): Promise<void> {
  for (let tries = 300; tries > 0 && isRunning(); tries -= 1) {
    const isUp = await fetch(`http://127.0.0.1:${port}/v2/`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (isUp) {
      return;
    }
    await delay(100);
  }
  throw new Error('docker-registry did not start');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
