import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { createNodeFrontEnd } from '../../../native-free/front-end.ts';
import { createBufferPool } from '../../../src/http/buffer-pool.ts';
import type { FrontEnd, FrontEndLimits } from '../../../src/http/exchange.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { digestBody, gate, ScriptedHandler, text } from '../../support/scripted-handler.ts';

const curl = promisify(execFile);
const settingsFrame = 4;
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

describe.each([false, true])('hostile and odd HTTP/1 clients, h2c %s', (h2c) => {
  const open: FrontEnd[] = [];
  afterEach(async () => {
    for (const frontEnd of open.splice(0)) await frontEnd.close(0);
  });

  async function run(
    limits: Partial<FrontEndLimits> = {},
  ): Promise<{ port: number; handler: ScriptedHandler; frontEnd: FrontEnd }> {
    const handler = new ScriptedHandler();
    handler.on('/hello', () => text(200, 'hello'));
    handler.on('/digest', digestBody);
    const frontEnd = createNodeFrontEnd({
      handler,
      pool: createBufferPool({ maxBuffers: 16 }),
      logger: silentLogger,
      limits: {
        maxHeaderBytes: 32_768,
        headerTimeoutMs: 20_000,
        idleTimeoutMs: 20_000,
        noProgressTimeoutMs: 20_000,
        maxConnections: 5_000,
        ...limits,
      },
      http2: true,
      h2c,
    });
    const { port } = await frontEnd.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
    open.push(frontEnd);
    return { port, handler, frontEnd };
  }

  /** The one answer to bytes that end the connection: status and the code in its JSON envelope. */
  async function refusalOf(port: number, bytes: string): Promise<[number, string]> {
    const connection = await RawConnection.open(port);
    connection.send(bytes);
    const said = await connection.closed();
    expect(said.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(said).toMatch(/\r\nConnection: close\r\n/);
    const [head = '', body = ''] = said.split('\r\n\r\n');
    const { errors } = JSON.parse(body) as { errors: { code: string }[] };
    return [Number(head.slice(9, 12)), errors[0]?.code ?? ''];
  }

  it.each([
    ['no Host', 'GET /hello HTTP/1.1\r\n\r\n', 400],
    ['two Hosts', 'GET /hello HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', 400],
    ['a space before the colon', 'GET /hello HTTP/1.1\r\nHost: x\r\nX-A : 1\r\n\r\n', 400],
    ['lines that end without CR', 'GET /hello HTTP/1.1\nHost: x\n\n', 400],
    ['a folded header', 'GET /hello HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n 2\r\n\r\n', 400],
    ['a NUL in a header', 'GET /hello HTTP/1.1\r\nHost: x\r\nX-A: \0\r\n\r\n', 400],
    ['an unknown version', 'GET /hello HTTP/3.0\r\nHost: x\r\n\r\n', 400],
    ['noise', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400],
    [
      'chunks in HTTP/1.0',
      'PUT /digest HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['CONNECT', 'CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n', 405],
    ['an unknown expectation', 'GET /hello HTTP/1.1\r\nHost: x\r\nExpect: more\r\n\r\n', 417],
    ['a path of 64 KiB', `GET /${'a'.repeat(65_536)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    [
      '20,000 header lines',
      `GET /hello HTTP/1.1\r\nHost: x\r\n${'X: 1\r\n'.repeat(20_000)}\r\n`,
      431,
    ],
  ])('refuses %s in the JSON envelope', async (_, bytes, status) => {
    const { port, handler } = await run();
    expect((await refusalOf(port, bytes))[0]).toBe(status);
    expect(handler.handledPaths).toEqual([]);
  });

  it('refuses a header sent too slowly', async () => {
    const { port } = await run({ headerTimeoutMs: 300 });
    const connection = await RawConnection.open(port);
    connection.send('GET /hello HTTP/1.1\r\nHost: x\r\n');
    const trickle = setInterval(() => connection.send('X-A: 1\r\n'), 50);
    const said = await connection.closed();
    clearInterval(trickle);
    expect(said).toMatch(/^HTTP\/1\.1 408 [\s\S]*REQUEST_TIMEOUT/);
  });

  it('closes connections that never say anything, and idle ones', async () => {
    const { port } = await run({ headerTimeoutMs: 300, idleTimeoutMs: 300 });
    const silent = await RawConnection.open(port);
    const idle = await RawConnection.open(port);
    idle.send('GET /hello HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await idle.closed()).toMatch(/hello$/);
    await silent.closed();
  });

  it('ends an upload whose chunks break, and never takes it for whole', async () => {
    const { port, handler } = await run();
    const outcome = gate<unknown>();
    handler.on('/broken', async (exchange) => {
      try {
        return await digestBody(exchange);
      } catch (error) {
        outcome.open(error);
        throw error;
      }
    });
    const connection = await RawConnection.open(port);
    connection.send('PUT /broken HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    connection.send('5\r\nhello\r\nZZ\r\n');
    expect(await connection.closed()).toMatch(/^HTTP\/1\.1 400 /);
    expect(await outcome.promise).toMatchObject({ code: 'CLIENT_GONE' });
  });

  it('serves what came whole before the noise, then closes', async () => {
    const { port, handler } = await run();
    const mayFinish = gate();
    const isRunning = gate();
    handler.on('/slow', async () => {
      isRunning.open();
      await mayFinish.promise;
      return text(200, 'served');
    });
    const connection = await RawConnection.open(port);
    connection.send('GET /slow HTTP/1.1\r\nHost: x\r\n\r\nnoise\r\n\r\n');
    await isRunning.promise;
    mayFinish.open();
    expect(await connection.closed()).toMatch(/^HTTP\/1\.1 200 [\s\S]*served$/);
  });

  it('cuts a connection that pipelines without end', async () => {
    const { port, handler } = await run();
    const mayFinish = gate();
    handler.on('/wait', async () => {
      await mayFinish.promise;
      return text(200, 'late');
    });
    const connection = await RawConnection.open(port);
    connection.send('GET /wait HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(10_000));
    expect(await connection.closed()).toBe('');
    expect(handler.handledPaths.length).toBeLessThan(100);
    mayFinish.open();
  });

  it('ends an upload that is cut before its last chunk', async () => {
    const { port, handler } = await run();
    const outcome = gate<unknown>();
    handler.on('/cut', (exchange) =>
      digestBody(exchange).catch((error: unknown) => {
        outcome.open(error);
        throw error;
      }),
    );
    const connection = await RawConnection.open(port);
    connection.send('PUT /cut HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    connection.send('5\r\nhello\r\n');
    connection.socket.end();
    await connection.closed();
    expect(await outcome.promise).toMatchObject({ code: 'CLIENT_GONE' });
  });

  it('takes the host of an absolute target', async () => {
    const { port, handler } = await run();
    handler.on('/where', (exchange) =>
      text(200, `${exchange.header('host')} ${exchange.path} ${exchange.rawQuery}`),
    );
    const connection = await RawConnection.open(port);
    connection.send('GET http://real:5000/where?a=1 HTTP/1.1\r\nHost: other\r\n\r\n');
    await connection.until(/real:5000 \/where a=1$/);
    connection.end();
  });

  it('answers early without inviting the body, and closes', async () => {
    const { port, handler } = await run();
    handler.on('/refuse', () => text(401, 'no'));
    const connection = await RawConnection.open(port);
    connection.send(
      'PUT /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n',
    );
    const said = await connection.until(/no$/);
    expect(said).toMatch(/^HTTP\/1\.1 401 [\s\S]*Connection: close/);
    await connection.closed();
  });

  it('serves on with 1,000 idle connections open, and drops them when it closes', async () => {
    const { port, frontEnd } = await run();
    const idle = await Promise.all(Array.from({ length: 1_000 }, () => RawConnection.open(port)));
    const connection = await RawConnection.open(port);
    connection.send('GET /hello HTTP/1.1\r\nHost: x\r\n\r\n');
    await connection.until(/hello$/);
    expect(await frontEnd.close(20_000)).toEqual({ cut: 0 });
    await Promise.all(idle.map((each) => each.closed()));
  });

  it('ignores wishes to upgrade to something else', async () => {
    const { port } = await run();
    const connection = await RawConnection.open(port);
    connection.send(
      'GET /hello HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    await connection.until(/hello$/);
    connection.send('GET /hello HTTP/1.1\r\nHost: x\r\n\r\n');
    await connection.until(/hello[\s\S]*hello$/);
    connection.end();
  });

  it(`${h2c ? 'takes' : 'refuses'} HTTP/2 by prior knowledge, in whatever pieces it comes`, async () => {
    const { port } = await run();
    const connection = await RawConnection.open(port);
    for (const byte of `${preface}\0\0\0\x04\0\0\0\0\0`) connection.send(byte);
    if (!h2c) {
      expect(await connection.closed()).toMatch(/^HTTP\/1\.1 400 /);
      return;
    }
    const said = await connection.until(/^[^H][\s\S]{8}/);
    expect(said.charCodeAt(3)).toBe(settingsFrame);
    connection.end();
  });

  it(`${h2c ? 'moves' : 'does not move'} a request to HTTP/2 by upgrade`, async () => {
    const { port, handler } = await run();
    handler.on('/version', ({ httpVersion, header }) =>
      text(200, `${httpVersion} ${typeof header}`),
    );
    const url = `http://127.0.0.1:${port}/version`;
    const got = await curl('curl', ['-sS', '--http2', url, '--next', '-sS', '--http2', url]);
    expect(got.stdout).toBe(h2c ? '2.0 function2.0 function' : '1.1 function1.1 function');
    // A request with a body is served where it is.
    const upload = [
      '-sS',
      '--http2',
      '-X',
      'PUT',
      '-d',
      'hello',
      `http://127.0.0.1:${port}/digest`,
    ];
    expect((await curl('curl', upload)).stdout).toMatch(/^5 /);
  });
});
