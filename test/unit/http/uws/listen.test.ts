import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { createBufferPool } from '../../../../src/http/buffer-pool.ts';
import type { FrontEnd } from '../../../../src/http/exchange.ts';
import { createUwsFrontEnd } from '../../../../src/http/uws/front-end.ts';
import { silentLogger } from '../../../../src/observe/logger.ts';
import { readMessage } from '../../../support/http-call.ts';
import { ScriptedHandler, text } from '../../../support/scripted-handler.ts';
import { loadUwsForTests } from '../../../support/uws.ts';

const uws = loadUwsForTests();
const folder = mkdtempSync(join(tmpdir(), 'longshore-listen-'));
const running: FrontEnd[] = [];

function frontEnd(): FrontEnd {
  const handler = new ScriptedHandler();
  handler.on('/who', (exchange) => text(200, `<${exchange.remoteAddress}>`));
  const made = createUwsFrontEnd({
    uws,
    handler,
    logger: silentLogger,
    pool: createBufferPool({ maxBuffers: 4 }),
    limits: {
      maxHeaderBytes: 32_768,
      headerTimeoutMs: 10_000,
      idleTimeoutMs: 10_000,
      noProgressTimeoutMs: 60_000,
      maxConnections: 100,
    },
  });
  running.push(made);
  return made;
}

function ask(
  at: { socketPath: string } | { host: string; port: number; localAddress?: string },
  agent: Agent | false = false,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...at, path: '/who', agent }, (message) => {
      readMessage(message).then((bytes) => resolve(bytes.toString()), reject);
    });
    outgoing.once('error', reject);
    outgoing.end();
  });
}

afterEach(async () => {
  for (const one of running.splice(0)) {
    await one.close(0);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

it('listens on a unix socket, replaces one that nobody serves, and removes its own', async () => {
  const path = join(folder, 'registry.sock');
  const dead = createServer();
  await new Promise<void>((resolve) => dead.listen(path, resolve));
  // A server that dies leaves its file behind; a rename away and back keeps close() from removing it.
  renameSync(path, `${path}.kept`);
  await new Promise<void>((resolve) => dead.close(() => resolve()));
  renameSync(`${path}.kept`, path);

  const one = frontEnd();
  expect(await one.listen({ kind: 'unix', path })).toEqual({ text: path, port: 0 });
  expect(await ask({ socketPath: path })).toBe('<>');
  await expect(frontEnd().listen({ kind: 'unix', path })).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: `cannot listen on ${path}: another server is using it`,
  });
  await one.close(0);
  expect(existsSync(path)).toBe(false);
});

it('does not touch a file that is no socket', async () => {
  const path = join(folder, 'precious');
  writeFileSync(path, 'data');
  await expect(frontEnd().listen({ kind: 'unix', path })).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: `file ${path} exists and is not a socket`,
  });
  expect(existsSync(path)).toBe(true);
});

it('names the cause when a unix socket cannot be made', async () => {
  const path = join(folder, 'no-such-folder', 'registry.sock');
  await expect(frontEnd().listen({ kind: 'unix', path })).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: expect.stringContaining(path),
  });
});

it('listens on IPv6, and shows IPv4 clients of a dual-stack listener by their own address', async () => {
  const one = frontEnd();
  const loopback = await one.listen({ kind: 'tcp', host: '::1', port: 0 });
  expect(loopback.text).toBe(`[::1]:${loopback.port}`);
  expect(await ask({ host: '::1', port: loopback.port })).toBe('<::1>');
  const any = await one.listen({ kind: 'tcp', host: '', port: 0 });
  expect(await ask({ host: '127.0.0.1', port: any.port })).toBe('<127.0.0.1>');
});

it('says in one line what is wrong with an address', async () => {
  await expect(
    frontEnd().listen({ kind: 'tcp', host: '192.0.2.1', port: 0 }),
  ).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: 'cannot listen on 192.0.2.1:0: no interface of this machine has that address',
  });
  await expect(frontEnd().listen({ kind: 'fd', fd: 3 })).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: expect.stringContaining('http.frontend'),
  });
});

it('tells each request its own peer, whoever else is connected, comes and goes', async () => {
  const one = frontEnd();
  const { port } = await one.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  const peers = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
  const agents = new Map<string, Agent>();
  const askAs = (localAddress: string): Promise<string> => {
    const agent = agents.get(localAddress) ?? new Agent({ keepAlive: true, maxSockets: 1 });
    agents.set(localAddress, agent);
    return ask({ host: '127.0.0.1', port, localAddress }, agent);
  };
  for (let round = 0; round < 3; round += 1) {
    for (const connected of [1, 2, 3]) {
      for (const peer of peers.slice(0, connected)) {
        expect(await askAs(peer)).toBe(`<${peer}>`);
      }
    }
    // All but one leave, at last that one too: what it is told must not change, nor what those are told who come back.
    const stays = peers[round] ?? '';
    for (const peer of peers.filter((each) => each !== stays)) {
      agents.get(peer)?.destroy();
      agents.delete(peer);
      expect(await askAs(stays)).toBe(`<${stays}>`);
    }
    agents.get(stays)?.destroy();
    agents.delete(stays);
  }
});
