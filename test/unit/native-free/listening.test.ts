import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createNodeFrontEnd } from '../../../native-free/front-end.ts';
import { createFileTlsSource } from '../../../native-free/tls/file-source.ts';
import type { TlsSource } from '../../../native-free/tls/tls-source.ts';
import { createBufferPool } from '../../../src/http/buffer-pool.ts';
import type { FrontEnd } from '../../../src/http/exchange.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import { anAuthority } from '../../support/certificates.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { ScriptedHandler, text } from '../../support/scripted-handler.ts';

const run = promisify(execFile);

describe('listening', () => {
  let folder: string;
  const open: FrontEnd[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-listening-'));
  });
  afterEach(async () => {
    for (const frontEnd of open.splice(0)) await frontEnd.close(0);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  function aFrontEnd(tls?: TlsSource): FrontEnd {
    const handler = new ScriptedHandler();
    handler.on('/hello', ({ remoteAddress, remotePort }) =>
      text(200, `hello ${JSON.stringify([remoteAddress, remotePort > 0])}`),
    );
    const frontEnd = createNodeFrontEnd({
      handler,
      pool: createBufferPool({ maxBuffers: 4 }),
      logger: silentLogger,
      limits: {
        maxHeaderBytes: 32_768,
        headerTimeoutMs: 300,
        idleTimeoutMs: 5_000,
        noProgressTimeoutMs: 5_000,
        maxConnections: 100,
      },
      http2: true,
      h2c: false,
      ...(tls === undefined ? {} : { tls }),
    });
    open.push(frontEnd);
    return frontEnd;
  }

  it('serves on a unix socket, and removes it when it closes', async () => {
    const path = join(folder, 'registry.sock');
    const frontEnd = aFrontEnd();
    expect(await frontEnd.listen({ kind: 'unix', path })).toEqual({ text: path, port: 0 });
    const { stdout } = await run('curl', ['-sS', '--unix-socket', path, 'http://x/hello']);
    expect(stdout).toBe('hello ["",false]');
    await frontEnd.close(0);
    expect(existsSync(path)).toBe(false);
  });

  it('does not touch a file that is no socket', async () => {
    const path = join(folder, 'file');
    await writeFile(path, 'precious');
    await expect(aFrontEnd().listen({ kind: 'unix', path })).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: `file ${path} exists and is not a socket`,
    });
  });

  it('serves on IPv6 and tells the address in brackets', async () => {
    const bound = await aFrontEnd().listen({ kind: 'tcp', host: '::1', port: 0 });
    expect(bound.text).toBe(`[::1]:${bound.port}`);
    const { stdout } = await run('curl', ['-sS', '-g', `http://${bound.text}/hello`]);
    expect(stdout).toBe('hello ["::1",true]');
  });

  it('serves IPv4 clients on all interfaces under their plain address', async () => {
    const { port } = await aFrontEnd().listen({ kind: 'tcp', host: '', port: 0 });
    const { stdout } = await run('curl', ['-sS', `http://127.0.0.1:${port}/hello`]);
    expect(stdout).toBe('hello ["127.0.0.1",true]');
  });

  it('closes TLS connections that never shake hands, and those that are still at it', async () => {
    const ca = await anAuthority(folder, 'ca');
    const source = createFileTlsSource(
      {
        ...(await ca.issue('server')),
        clientcas: [],
        clientauth: 'require-and-verify-client-cert',
        minimumtls: 'tls1.2',
        ciphersuites: [],
      },
      { logger: silentLogger },
    );
    const frontEnd = aFrontEnd(source);
    const { port } = await frontEnd.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
    const silent = await RawConnection.open(port);
    await silent.closed();
    const plain = await RawConnection.open(port);
    plain.send('GET /hello HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await plain.closed()).not.toContain('HTTP');
    const late = await RawConnection.open(port);
    expect(await frontEnd.close(20_000)).toEqual({ cut: 0 });
    await late.closed();
  });
});
