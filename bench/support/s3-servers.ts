/** The two registries on one bucket, each twice: passing blobs through, and redirecting to the bucket. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { startDockerRegistry } from '../../test/support/docker-registry.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { GiB } from '../load/content.ts';
import { launchCommand } from './launch-command.ts';

/** The most that S3 copies in one request. */
const oneCopyBytes = 5 * GiB;

export interface Server {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<unknown>;
}

/**
 * A registry under test: `through` serves blobs itself and copies large ones as is its default, docker-registry in parts;
 * `redirecting` sends clients to the bucket and is told to copy in one request, where Ceph shares the data.
 */
export interface Contender {
  readonly name: string;
  readonly through: Server;
  readonly redirecting: Server;
}

/**
 * @param s3         The `s3` section.
 * @param nodeFlags  For ours that passes blobs through.
 */
export async function startContenders(
  s3: Record<string, unknown>,
  nodeFlags: readonly string[],
): Promise<{ ours: Contender; theirs: Contender; stop(): Promise<void> }> {
  const through = { s3, redirect: { disable: true } };
  const redirecting = { s3: { ...s3, multipartcopythresholdsize: oneCopyBytes } };
  const started: Server[] = [];
  const stop = async (): Promise<void> => {
    for (const server of started) {
      await server.stop();
    }
  };
  const add = async (starting: Promise<Server>): Promise<Server> => {
    const server = await starting;
    started.push(server);
    return server;
  };
  try {
    return {
      ours: {
        name: 'longshore',
        through: await add(startLongshore(through, nodeFlags)),
        redirecting: await add(startLongshore(redirecting, [])),
      },
      theirs: {
        name: 'docker-registry',
        through: await add(startDebian(through)),
        redirecting: await add(startDebian(redirecting)),
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startDebian(storage: Record<string, unknown>): Promise<Server> {
  return { name: 'docker-registry', ...(await startDockerRegistry(storage)) };
}

async function startLongshore(storage: object, nodeFlags: readonly string[]): Promise<Server> {
  const folder = await tempFolder();
  const file = join(folder.path, 'config.yml');
  const port = await freePort();
  await writeFile(
    file,
    stringify({
      version: 0.1,
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { delete: { enabled: true }, ...storage },
      http: { addr: `127.0.0.1:${port}`, secret: 'a secret for benches' },
    }),
  );
  const [program, ...args] = launchCommand(nodeFlags);
  const child = spawn(program, [...args, 'serve', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  while (!(await answers(port))) {
    if (child.exitCode !== null) {
      throw new Error('the registry did not start');
    }
    await delay(100);
  }
  return {
    name: 'longshore',
    port,
    pid: child.pid ?? 0,
    stop: async () => {
      const exit = once(child, 'exit');
      child.kill();
      await exit;
      await folder.remove();
    },
  };
}

function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/v2/`).then(
    (answer) => answer.ok,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
