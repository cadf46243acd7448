import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  activatedAddress,
  addressText,
  clearStaleSocket,
  listenFailure,
  parseListenAddress,
} from '../../../src/http/listen-address.ts';

describe('http.addr and http.net', () => {
  it.each([
    ['localhost:5000', { kind: 'tcp', host: 'localhost', port: 5000 }],
    [':5000', { kind: 'tcp', host: '', port: 5000 }],
    ['0.0.0.0:0', { kind: 'tcp', host: '0.0.0.0', port: 0 }],
    ['[::1]:5000', { kind: 'tcp', host: '::1', port: 5000 }],
    ['', { kind: 'tcp', host: '', port: 0 }],
  ])('reads %j', (addr, expected) => {
    expect(parseListenAddress(addr, 'tcp')).toEqual(expected);
    expect(parseListenAddress(addr)).toEqual(expected);
  });

  it('takes any path for a unix socket', () => {
    expect(parseListenAddress('/run/a:b.sock', 'unix')).toEqual({
      kind: 'unix',
      path: '/run/a:b.sock',
    });
  });

  it.each([
    ['localhost', 'tcp', 'http.addr: localhost: port missing'],
    ['localhost:', 'tcp', 'http.addr: localhost:: port missing'],
    ['localhost:http', 'tcp', 'http.addr: localhost:http: http is no port'],
    ['localhost:65536', 'tcp', 'http.addr: localhost:65536: 65536 is no port'],
    ['localhost:-1', 'tcp', 'http.addr: localhost:-1: -1 is no port'],
    [
      '::1:5000',
      'tcp',
      'http.addr: ::1:5000: too many colons, write an IPv6 address as [::1]:5000',
    ],
    ['[::1]', 'tcp', 'http.addr: [::1]: too many colons, write an IPv6 address as [::1]:5000'],
    ['[local]:1', 'tcp', 'http.addr: [local]:1: local is no IPv6 address'],
    ['', 'unix', 'http.addr: a unix socket needs a path'],
    [
      `/${'ü'.repeat(60)}`,
      'unix',
      `http.addr: /${'ü'.repeat(60)}: the path of a socket has at most 107 bytes`,
    ],
    ['x:1', 'udp', 'http.addr: unknown address type udp, use tcp or unix'],
  ])('refuses %j on %s', (addr, net, message) => {
    expect(() => parseListenAddress(addr, net)).toThrow(
      expect.objectContaining({ code: 'ADDRESS_INVALID', message }),
    );
  });

  it('prints addresses as they are written', () => {
    for (const text of ['localhost:5000', '[::1]:5000', ':5000']) {
      expect(addressText(parseListenAddress(text))).toBe(text);
    }
  });
});

describe('socket activation', () => {
  it('takes the one socket that is meant for this process', () => {
    expect(activatedAddress({ LISTEN_FDS: '1', LISTEN_PID: '42' }, 42)).toEqual({
      kind: 'fd',
      fd: 3,
    });
  });

  it.each([
    [{}],
    [{ LISTEN_FDS: '1' }],
    [{ LISTEN_FDS: '1', LISTEN_PID: '41' }],
    [{ LISTEN_FDS: '0', LISTEN_PID: '42' }],
    [{ LISTEN_FDS: 'x', LISTEN_PID: '42' }],
  ])('is not there with %j', (env) => {
    expect(activatedAddress(env, 42)).toBeUndefined();
  });

  it('refuses more than one socket', () => {
    expect(() => activatedAddress({ LISTEN_FDS: '2', LISTEN_PID: '42' }, 42)).toThrow(
      'found 2 socket-activation listeners, only expected 1',
    );
  });
});

describe('unix sockets', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-listen-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  async function listening(path: string): Promise<Server> {
    const server = createServer().listen(path);
    await once(server, 'listening');
    return server;
  }

  it('removes the socket that a dead process left', async () => {
    const path = join(folder, 'stale.sock');
    // A child that is killed leaves its socket behind, as a crash does.
    const { spawn } = await import('node:child_process');
    const child = spawn(process.execPath, [
      '-e',
      `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`,
    ]);
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    await clearStaleSocket(path);
    (await listening(path)).close();
  });

  it('leaves a live socket and says who holds it', async () => {
    const path = join(folder, 'live.sock');
    const server = await listening(path);
    await expect(clearStaleSocket(path)).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: `cannot listen on ${path}: another server is using it`,
    });
    server.close();
  });

  it('refuses a file that is no socket, and a link', async () => {
    const file = join(folder, 'file');
    const link = join(folder, 'link');
    await writeFile(file, '');
    await symlink(file, link);
    for (const path of [file, link]) {
      await expect(clearStaleSocket(path)).rejects.toThrow(
        `file ${path} exists and is not a socket`,
      );
    }
  });

  it.each(['absent', 'file'])('says that the folder is not there when it is %s', async (name) => {
    const path = join(folder, name, 'x.sock');
    await expect(clearStaleSocket(path)).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: `cannot listen on ${path}: no such folder`,
    });
  });

  it('has nothing to do where nothing is', async () => {
    await clearStaleSocket(join(folder, 'absent.sock'));
  });
});

describe('listen failures', () => {
  it.each([
    ['EADDRINUSE', 'cannot listen on [::1]:5000: address already in use'],
    ['EACCES', 'cannot listen on [::1]:5000: permission denied'],
    ['EWEIRD', 'cannot listen on [::1]:5000: something odd'],
  ])('%s is one clear line', (code, message) => {
    const cause = Object.assign(new Error('something odd'), { code });
    const failure = listenFailure({ kind: 'tcp', host: '::1', port: 5000 }, cause);
    expect([failure.code, failure.message]).toEqual(['LISTEN_FAILED', message]);
  });
});
