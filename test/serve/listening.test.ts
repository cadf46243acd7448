/** Every kind of address that the built server can be told to listen on. */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../support/free-port.ts';
import {
  frontEnds,
  launcher,
  type RegistryRequest,
  type RunningRegistry,
  startRegistry,
} from '../support/registry.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';
import { findProgram } from '../support/tools.ts';

// Each test starts servers and clients, which take their time on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

const run = promisify(execFile);
const activator = findProgram('systemd-socket-activate');

let folder: TempFolder;
const running: RunningRegistry[] = [];

beforeAll(async () => {
  folder = await tempFolder();
});
afterEach(async () => {
  for (const registry of running.splice(0)) await registry.stop();
});
afterAll(async () => folder.remove());

async function start(request: RegistryRequest): Promise<RunningRegistry> {
  const registry = await startRegistry({ ...request, root: join(folder.path, 'data') });
  running.push(registry);
  return registry;
}

async function curl(...args: string[]): Promise<string> {
  const { stdout } = await run('curl', ['-sS', '-g', '-w', ' %{http_code}', ...args]);
  return stdout;
}

describe.each(frontEnds)('%s front end', (frontEnd) => {
  const on = (addr: string, net = 'tcp'): RegistryRequest => ({
    frontEnd,
    config: { http: { addr, net } },
  });

  /** What the operator sees last when the start fails. */
  async function failure(request: RegistryRequest): Promise<string> {
    const error = await start(request).then(
      () => new Error('it started'),
      (caught: Error) => caught,
    );
    return error.message.trim().split('\n').at(-1) ?? '';
  }

  it('serves on a unix socket and takes it away at the end', async () => {
    const path = join(folder.path, `${frontEnd}.sock`);
    const registry = await start(on(path, 'unix'));
    expect(registry.address).toBe(path);
    expect(await curl('--unix-socket', path, 'http://x/v2/')).toBe('{} 200');
    expect(await failure(on(path, 'unix'))).toBe(
      `longshore: cannot listen on ${path}: another server is using it`,
    );
    expect(await curl('--unix-socket', path, 'http://x/v2/')).toBe('{} 200');
    expect(await registry.stop()).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  it('replaces the unix socket that a killed server left behind', async () => {
    const path = join(folder.path, `${frontEnd}-stale.sock`);
    const killed = await start(on(path, 'unix'));
    await killed.stop('SIGKILL');
    expect(existsSync(path)).toBe(true);
    await start(on(path, 'unix'));
    expect(await curl('--unix-socket', path, 'http://x/v2/')).toBe('{} 200');
  });

  it('refuses to replace a file that is no socket', async () => {
    const path = join(folder.path, `${frontEnd}-file`);
    writeFileSync(path, 'precious');
    expect(await failure(on(path, 'unix'))).toBe(
      `longshore: file ${path} exists and is not a socket`,
    );
    expect(readFileSync(path, 'utf8')).toBe('precious');
  });

  it('serves on an IPv6 address', async () => {
    const registry = await start(on('[::1]:0'));
    expect(registry.address).toMatch(/^\[::1\]:\d+$/);
    expect(await curl(`http://${registry.address}/v2/`)).toBe('{} 200');
  });

  it('serves IPv4 and IPv6 when no host is given', async () => {
    const registry = await start(on(`:${await freePort()}`));
    expect(await curl(`http://127.0.0.1:${registry.port}/v2/`)).toBe('{} 200');
    expect(await curl(`http://[::1]:${registry.port}/v2/`)).toBe('{} 200');
  });

  it('says in one line that an address is in use', async () => {
    const { host } = await start(on('127.0.0.1:0'));
    expect(await failure(on(host))).toBe(
      `longshore: cannot listen on ${host}: address already in use`,
    );
  });
});

describe.skipIf(activator === undefined)('under systemd socket activation', () => {
  it('serves on the socket it was handed, whatever http.addr says', async () => {
    const port = await freePort();
    const file = join(folder.path, 'activated.yml');
    writeFileSync(file, 'version: 0.1\nstorage: inmemory\nhttp: { addr: "192.0.2.1:1" }\n');
    const child = spawn(
      activator ?? '',
      ['-l', `127.0.0.1:${port}`, process.execPath, launcher, 'serve', file],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let log = '';
    const activated = new Promise<void>((resolve) => {
      child.stderr.on('data', (data: Buffer) => {
        log += data.toString();
        if (/Listening on/i.test(log)) resolve();
      });
    });
    await activated;
    // The first connection starts the server, which answers it.
    expect(await curl(`http://127.0.0.1:${port}/v2/`)).toBe('{} 200');
    expect(await curl(`http://127.0.0.1:${port}/v2/`)).toBe('{} 200');
    expect(log).toContain('socket activation');
    child.kill();
    await once(child, 'exit');
    expect(child.exitCode).toBe(0);
  });
});
