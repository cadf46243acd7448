/** Several processes on one address, started as users do: who serves is read from the metrics' `process` label. */

import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { digestOf, withQuery } from '../support/api-client.ts';
import { call } from '../support/http-call.ts';
import {
  frontEnds,
  type RegistryRequest,
  type RunningRegistry,
  runLongshore,
  startRegistry,
} from '../support/registry.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';

// Three processes start for most tests, which takes its time on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

let running: RunningRegistry | undefined;
const folders: TempFolder[] = [];
afterEach(async () => {
  await running?.stop();
  running = undefined;
  for (const folder of folders.splice(0)) await folder.remove();
});

async function makeTempFolder(): Promise<string> {
  const folder = await tempFolder();
  folders.push(folder);
  return folder.path;
}

async function startTwo(options: RegistryRequest = {}): Promise<RunningRegistry> {
  running = await startRegistry({
    ...options,
    config: {
      ...options.config,
      http: {
        processes: 2,
        debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } },
        ...(options.config?.['http'] as object),
      },
    },
  });
  return running;
}

/** Each call opens a connection of its own, so any process may get it. */
function send(
  { port }: RunningRegistry,
  method: string,
  path: string,
  body?: Buffer,
): ReturnType<typeof call> {
  return call(port, { method, path, ...(body === undefined ? {} : { body }) });
}

function debugPort(registry: RunningRegistry): number {
  return Number(/debug server listening 127\.0\.0\.1:(\d+)/.exec(registry.log())?.[1]);
}

interface Facts {
  readonly number: number;
  readonly pid: number | null;
  readonly restarts: number;
}

async function processes(registry: RunningRegistry): Promise<Facts[]> {
  const reply = await call(debugPort(registry), {
    method: 'GET',
    path: '/debug/vars',
  });
  return (JSON.parse(reply.body.toString()) as { processes: Facts[] }).processes;
}

/** Requests answered so far, by process. */
async function served(registry: RunningRegistry): Promise<Map<string, number>> {
  const reply = await call(debugPort(registry), { method: 'GET', path: '/metrics' });
  const counts = new Map<string, number>();
  const samples = reply.body
    .toString()
    .matchAll(/^registry_http_requests_total\{process="(\d)",[^}]*\} (\d+)$/gm);
  for (const [, number = '', value] of samples) {
    counts.set(number, (counts.get(number) ?? 0) + Number(value));
  }
  return counts;
}

async function until(isDone: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isDone())) await delay(20);
}

function pathOf(location: unknown): string {
  const url = new URL(String(location), 'http://registry');
  return url.pathname + url.search;
}

describe.each(frontEnds)('two processes, %s front end', (frontEnd) => {
  it('both serve one port, and an upload goes on wherever its requests land', async () => {
    const registry = await startTwo({ frontEnd, config: { http: { secret: '' } } });
    let landed = await served(registry);
    for (let round = 0; round < 40 && (round < 8 || landed.size < 2); round += 1) {
      const chunks = [`first ${round} `, 'second ', 'third'].map((text) => Buffer.from(text));
      const digest = digestOf(Buffer.concat(chunks));
      const start = await send(registry, 'POST', '/v2/some/repo/blobs/uploads/');
      expect(start.status).toBe(202);
      let location = start.headers.location;
      for (const chunk of chunks) {
        const reply = await send(registry, 'PATCH', pathOf(location), chunk);
        expect(reply.status).toBe(202);
        location = reply.headers.location;
      }
      const end = await send(registry, 'PUT', withQuery(pathOf(location), `digest=${digest}`));
      expect(end.status).toBe(201);
      expect((await send(registry, 'GET', `/v2/some/repo/blobs/${digest}`)).body).toEqual(
        Buffer.concat(chunks),
      );
      landed = await served(registry);
    }
    expect([...landed.keys()].sort()).toEqual(['1', '2']);
    expect(registry.log().match(/msg="listening on/g)).toHaveLength(1);
    expect(registry.log().match(/Starting upload purge/g)).toHaveLength(1);
  });

  it('a killed process is started again while the other serves, and SIGTERM ends all with 0', async () => {
    const registry = await startTwo({ frontEnd });
    const [victim] = await processes(registry);
    process.kill(victim?.pid ?? 0, 'SIGKILL');
    await until(async () => {
      await send(registry, 'GET', '/v2/').catch(() => {
        // A connection that the kernel had given to the dead one.
      });
      const [first] = await processes(registry);
      return first?.restarts === 1 && first.pid !== null && first.pid !== victim?.pid;
    });
    await until(() => registry.log().includes('serving process listens again'));
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => send(registry, 'GET', '/v2/')),
    );
    expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 200));
    const pids = (await processes(registry)).map(({ pid }) => pid ?? 0);
    expect(await registry.stop('SIGTERM')).toBe(0);
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  it('processes end when the one that started them is gone', async () => {
    const registry = await startTwo({ frontEnd });
    const pids = (await processes(registry)).map(({ pid }) => pid ?? 0);
    await registry.stop('SIGKILL');
    await until(() => pids.every((pid) => !isAlive(pid)));
  });

  it('an address in use is told once, in one line', async () => {
    const registry = await startTwo({ frontEnd });
    const folder = await makeTempFolder();
    const result = await runLongshore(['serve', 'config/development.yml'], {
      REGISTRY_HTTP_ADDR: registry.host,
      REGISTRY_HTTP_PROCESSES: '2',
      REGISTRY_HTTP_DEBUG_ADDR: '127.0.0.1:0',
      REGISTRY_STORAGE: 'filesystem',
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: folder,
    });
    expect(result.stderr).toContain(
      `longshore: cannot listen on ${registry.host}: address already in use\n`,
    );
    expect(result.code).toBe(1);
  });
});

it('several processes share a unix socket', async () => {
  const path = join(await makeTempFolder(), 'registry.sock');
  const registry = await startTwo({ config: { http: { net: 'unix', addr: path } } });
  expect(registry.log()).toContain(`listening on ${path}`);
  const statuses = await Promise.all(Array.from({ length: 4 }, () => statusOverUnix(path)));
  expect(statuses).toEqual([200, 200, 200, 200]);
});

it('a registry that cannot start says why once and ends with 1', async () => {
  const folder = await makeTempFolder();
  const result = await runLongshore(['serve', 'config/development.yml'], {
    REGISTRY_HTTP_ADDR: '127.0.0.1:0',
    REGISTRY_HTTP_PROCESSES: '2',
    REGISTRY_HTTP_TLS_CERTIFICATE: join(folder, 'none.pem'),
    REGISTRY_HTTP_TLS_KEY: join(folder, 'none.key'),
    REGISTRY_STORAGE: 'filesystem',
    REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: folder,
  });
  expect(result.stderr.match(/^longshore: .*none\.(?:pem|key)/gm)).toHaveLength(1);
  expect(result.code).toBe(1);
});

it('one htpasswd file is made for all', async () => {
  const path = join(await makeTempFolder(), 'htpasswd');
  await startTwo({ config: { auth: { htpasswd: { realm: 'r', path } } } });
  expect((await readFile(path, 'utf8')).trim().split('\n')).toHaveLength(1);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function statusOverUnix(socketPath: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, path: '/v2/' }, (message) => {
      message.resume();
      resolve(message.statusCode);
    });
    outgoing.once('error', reject);
    outgoing.end();
  });
}
