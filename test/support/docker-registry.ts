/** Starts Debian's docker-registry (CNCF Distribution 2.8) as a child process: the other side of comparisons. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type RunningRegistry, testSecret } from './registry.ts';
import { findProgram } from './tools.ts';

/** @param root  Storage root; a temp folder that goes with the registry when absent. */
export async function startDockerRegistry(
  root?: string,
): Promise<Pick<RunningRegistry, 'port' | 'root' | 'stop'>> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-test-'));
  const port = await freePort();
  const rootdirectory = root ?? join(folder, 'data');
  const file = join(folder, 'config.yml');
  await writeFile(
    file,
    stringify({
      version: 0.1,
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory }, delete: { enabled: true } },
      http: { addr: `127.0.0.1:${port}`, secret: testSecret },
    }),
  );
  const child = spawn(findProgram('docker-registry') ?? 'docker-registry', ['serve', file], {
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  await answers(port, () => child.exitCode === null);
  return {
    port,
    root: rootdirectory,
    async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
      child.kill(signal);
      await ended;
      await rm(folder, { recursive: true, force: true });
      return child.exitCode;
    },
  };
}

/** It takes no port 0 that it would tell: one that was free a moment ago has to do. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function answers(port: number, isAlive: () => boolean): Promise<void> {
  while (isAlive()) {
    const reply = await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => undefined);
    if (reply?.ok === true) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('docker-registry ended before it answered');
}
