import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createNodeFrontEnd } from '../../../native-free/front-end.ts';
import { createFileTlsSource } from '../../../native-free/tls/file-source.ts';
import { createBufferPool } from '../../../src/http/buffer-pool.ts';
import type { BufferPool, FrontEnd, FrontEndLimits } from '../../../src/http/exchange.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import { type Authority, anAuthority, type Pair } from '../../support/certificates.ts';
import {
  digestBody,
  gate,
  PiecewiseSource,
  ScriptedHandler,
  sha256,
  text,
} from '../../support/scripted-handler.ts';

const mebibyte = 1024 * 1024;

interface Running {
  readonly frontEnd: FrontEnd;
  readonly handler: ScriptedHandler;
  readonly pool: BufferPool;
  readonly session: ClientHttp2Session;
  readonly port: number;
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

async function replyOf(stream: ClientHttp2Stream): Promise<Reply> {
  const headers = new Promise<IncomingHttpHeaders>((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('error', reject);
    stream.once('close', () => reject(new Error(`closed with code ${stream.rstCode}`)));
  });
  const pieces: Buffer[] = [];
  stream.on('data', (piece) => pieces.push(piece));
  const received = await headers;
  if (!stream.closed) await once(stream, 'close');
  if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) throw new Error(`code ${stream.rstCode}`);
  return { status: Number(received[':status']), headers: received, body: Buffer.concat(pieces) };
}

describe.each(['h2c', 'TLS'] as const)('HTTP/2 over %s', (transport) => {
  let folder: string;
  let ca: Authority;
  let server: Pair;
  const started: Running[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-h2-'));
    ca = await anAuthority(folder, 'ca');
    server = await ca.issue('server');
  });
  afterEach(async () => {
    for (const { session, frontEnd, pool } of started.splice(0)) {
      session.destroy();
      await frontEnd.close(0);
      expect(pool.outstanding).toBe(0);
    }
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  async function run(
    changes: { limits?: Partial<FrontEndLimits>; maxBuffers?: number } = {},
  ): Promise<Running> {
    const handler = new ScriptedHandler();
    const pool = createBufferPool({ maxBuffers: changes.maxBuffers ?? 64 });
    const tls = createFileTlsSource(
      {
        ...server,
        clientcas: [],
        clientauth: 'require-and-verify-client-cert',
        minimumtls: 'tls1.2',
        ciphersuites: [],
      },
      { logger: silentLogger },
    );
    const frontEnd = createNodeFrontEnd({
      handler,
      pool,
      logger: silentLogger,
      limits: {
        maxHeaderBytes: 32_768,
        headerTimeoutMs: 5_000,
        idleTimeoutMs: 20_000,
        noProgressTimeoutMs: 20_000,
        maxConnections: 100,
        ...changes.limits,
      },
      ...(transport === 'TLS' ? { tls } : {}),
      http2: true,
      h2c: transport === 'h2c',
    });
    handler.on('/hello', () => text(200, 'hello'));
    handler.on('/digest', digestBody);
    const { port } = await frontEnd.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
    const running = { frontEnd, handler, pool, port, session: await openSession(port) };
    started.push(running);
    return running;
  }

  async function openSession(port: number): Promise<ClientHttp2Session> {
    const scheme = transport === 'TLS' ? 'https' : 'http';
    const session = connect(`${scheme}://localhost:${port}`, {
      ca: await readFile(ca.certificate),
    });
    session.on('error', () => {
      // Told by what waits on the session's streams.
    });
    await once(session, 'connect');
    return session;
  }

  function call({ session }: Running, headers: OutgoingHttpHeaders, body?: Buffer): Promise<Reply> {
    const stream = session.request(headers, { endStream: body === undefined });
    if (body !== undefined) stream.end(body);
    return replyOf(stream);
  }

  it('gives the handler method, path, query, headers and peer', async () => {
    const running = await run();
    running.handler.on('/v2/a%2Fb', (exchange) =>
      text(
        200,
        JSON.stringify([
          exchange.method,
          exchange.rawQuery,
          exchange.header('host'),
          exchange.header('x-some'),
          exchange.remoteAddress,
          exchange.isTls,
          exchange.httpVersion,
          exchange.body.sizeBytes,
        ]),
      ),
    );
    const reply = await call(running, { ':path': '/v2/a%2Fb?n=1', 'x-some': 'thing' });
    expect(JSON.parse(reply.body.toString())).toEqual([
      'GET',
      'n=1',
      `localhost:${running.port}`,
      'thing',
      '127.0.0.1',
      transport === 'TLS',
      '2.0',
      0,
    ]);
  });

  it('sends what HTTP/1 would, without the headers HTTP/2 forbids', async () => {
    const running = await run();
    running.handler.on('/created', () => ({
      status: 201,
      headers: [
        ['Location', '/v2/x'],
        ['Connection', 'close'],
        ['Keep-Alive', 'timeout=8'],
        ['Www-Authenticate', 'Basic realm="a"'],
        ['X-Many', '1'],
        ['X-Many', '2'],
      ],
    }));
    const { status, headers } = await call(running, { ':path': '/created', ':method': 'POST' });
    expect(status).toBe(201);
    expect(headers).toMatchObject({
      location: '/v2/x',
      'content-length': '0',
      'www-authenticate': 'Basic realm="a"',
      'x-many': '1, 2',
    });
    expect(headers).not.toHaveProperty('connection');
    expect(headers).not.toHaveProperty('keep-alive');
    expect(await running.handler.finishOf('/created')).toMatchObject({ sentBytes: 0 });
  });

  it('sends headers set twice that Node takes but once, and drops what it throws at', async () => {
    const running = await run();
    running.handler.on('/configured', () => ({
      status: 200,
      headers: [
        ['X-Content-Type-Options', 'nosniff'],
        ['X-Content-Type-Options', 'nosniff'],
        ['Access-Control-Max-Age', '1'],
        ['Access-Control-Max-Age', '2'],
        ['Content-Type', 'text/plain'],
        ['Content-Type', 'application/json'],
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
        ['TE', 'gzip'],
        ['HTTP2-Settings', 'AAMAAABk'],
      ],
      body: 'whole',
    }));
    const { status, headers, body } = await call(running, { ':path': '/configured' });
    expect([status, body.toString()]).toEqual([200, 'whole']);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff, nosniff',
      'access-control-max-age': '1, 2',
      'content-type': 'text/plain, application/json',
      'set-cookie': ['a=1', 'b=2'],
    });
    expect(headers).not.toHaveProperty('te');
    expect(headers).not.toHaveProperty('http2-settings');
  });

  it('answers HEAD with the length and no body, and 204 and 304 without one', async () => {
    const running = await run();
    running.handler.on('/facts', () => ({ status: 200, headers: [['Content-Length', '12345']] }));
    running.handler.on('/empty', () => ({ status: 204, headers: [] }));
    running.handler.on('/same', () => ({ status: 304, headers: [['Etag', '"x"']] }));
    const facts = await call(running, { ':path': '/facts', ':method': 'HEAD' });
    expect([facts.headers['content-length'], facts.body.length]).toEqual(['12345', 0]);
    for (const path of ['/empty', '/same']) {
      const reply = await call(running, { ':path': path });
      expect(reply.headers).not.toHaveProperty('content-length');
      expect(reply.body.length).toBe(0);
    }
  });

  it.each([0, 1, 65_536, 512 * 1024 + 1, 12 * mebibyte])(
    'carries a body of %i bytes both ways unchanged',
    async (sizeBytes) => {
      const running = await run();
      const bytes = randomBytes(sizeBytes);
      const sent = await call(running, { ':path': '/digest', ':method': 'PUT' }, bytes);
      expect(sent.body.toString()).toBe(`${sizeBytes} ${sha256(bytes)}`);
      const source = new PiecewiseSource(bytes, 300_000);
      running.handler.on('/source', () => ({ status: 200, headers: [], body: source, sizeBytes }));
      const streamed = await call(running, { ':path': '/source' });
      expect(sha256(streamed.body)).toBe(sha256(bytes));
      expect(streamed.headers['content-length']).toBe(String(sizeBytes));
      expect((await running.handler.finishOf('/source')).sentBytes).toBe(sizeBytes);
    },
  );

  it('lets many uploads on one session share few buffers', async () => {
    const running = await run({ maxBuffers: 2 });
    const bytes = randomBytes(mebibyte + 7);
    const replies = await Promise.all(
      Array.from({ length: 20 }, () =>
        call(running, { ':path': '/digest', ':method': 'PUT' }, bytes),
      ),
    );
    for (const { body } of replies)
      expect(body.toString()).toBe(`${bytes.length} ${sha256(bytes)}`);
  });

  it('invites the body when the client expects 100-continue', async () => {
    const running = await run();
    const stream = running.session.request({
      ':path': '/digest',
      ':method': 'PUT',
      expect: '100-continue',
    });
    await once(stream, 'continue');
    stream.end('hello');
    expect((await replyOf(stream)).body.toString()).toContain('5 ');
  });

  it('reads past trailers', async () => {
    const running = await run();
    const stream = running.session.request(
      { ':path': '/digest', ':method': 'PUT' },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-checksum': '1' }));
    stream.end('hello');
    expect((await replyOf(stream)).body.toString()).toContain('5 ');
  });

  it('resets the stream alone when a source fails or ends early', async () => {
    const running = await run();
    running.handler.on('/short', () => ({
      status: 200,
      headers: [],
      body: new PiecewiseSource(Buffer.alloc(1000), 100),
      sizeBytes: 5000,
    }));
    running.handler.on('/broken', () => ({
      status: 200,
      headers: [],
      body: { read: () => Promise.reject(new Error('disk on fire')), cancel() {} },
      sizeBytes: 5000,
    }));
    for (const path of ['/short', '/broken']) {
      await expect(call(running, { ':path': path })).rejects.toThrow();
    }
    expect((await call(running, { ':path': '/hello' })).status).toBe(200);
  });

  it.each([
    // Node's client ends a stream before it resets it: only the length tells that bytes are missing.
    ['resets its upload', { 'content-length': '5000000' }],
    ['goes in the middle of an upload without a length', {}],
  ])('keeps the bytes received before a client %s', async (how, lengthHeader) => {
    const running = await run();
    const mayRead = gate();
    const outcome = gate<{ sizeBytes: number; error: unknown }>();
    running.handler.on('/aborted', async (exchange) => {
      await mayRead.promise;
      let sizeBytes = 0;
      try {
        for (;;) {
          const piece = await exchange.body.read();
          if (piece === undefined) break;
          sizeBytes += piece.length;
          exchange.body.pool.give(piece);
          if (sizeBytes < 100_000) continue;
          if (how.startsWith('resets')) stream.close(constants.NGHTTP2_CANCEL);
          else running.session.destroy();
        }
      } catch (error) {
        outcome.open({ sizeBytes, error });
      }
      outcome.open({ sizeBytes, error: 'taken for whole' });
      return text(499, 'nobody hears this');
    });
    const stream = running.session.request({
      ':path': '/aborted',
      ':method': 'PATCH',
      ...lengthHeader,
    });
    stream.on('error', () => {
      // Our own reset.
    });
    stream.write(Buffer.alloc(100_000));
    mayRead.open();
    expect(await outcome.promise).toMatchObject({
      sizeBytes: 100_000,
      error: { code: 'CLIENT_GONE' },
    });
    await running.handler.finishOf('/aborted');
  });

  it('cancels the source and fires the signal when the client resets a download', async () => {
    const running = await run();
    const aborted = gate();
    const source = new PiecewiseSource(Buffer.alloc(64 * mebibyte), 512 * 1024);
    running.handler.on('/abandoned', (exchange) => {
      exchange.signal.addEventListener('abort', () => aborted.open());
      return { status: 200, headers: [], body: source, sizeBytes: 64 * mebibyte };
    });
    const stream = running.session.request({ ':path': '/abandoned' });
    await once(stream, 'response');
    stream.close(constants.NGHTTP2_CANCEL);
    await source.cancelled.promise;
    await aborted.promise;
    expect((await running.handler.finishOf('/abandoned')).sentBytes).toBeLessThan(64 * mebibyte);
  });

  it('does not read a source faster than the client takes it', async () => {
    const running = await run();
    const source = new PiecewiseSource(Buffer.alloc(64 * mebibyte), 512 * 1024);
    running.handler.on('/large', () => ({
      status: 200,
      headers: [],
      body: source,
      sizeBytes: 64 * mebibyte,
    }));
    const stream = running.session.request({ ':path': '/large' });
    await once(stream, 'response');
    let before = -1;
    while (source.readBytes !== before) {
      before = source.readBytes;
      await delay(100);
    }
    expect(source.readBytes).toBeLessThan(16 * mebibyte);
    stream.close();
  });

  it('answers a large upload before its end and stops it without an error', async () => {
    const running = await run();
    running.handler.on('/refuse', () => text(403, 'refused'));
    const stream = running.session.request({ ':path': '/refuse', ':method': 'PUT' });
    stream.write(Buffer.alloc(64 * 1024));
    const reply = await replyOf(stream);
    expect([reply.status, reply.body.toString()]).toEqual([403, 'refused']);
    expect((await call(running, { ':path': '/hello' })).status).toBe(200);
  });

  it('refuses a header beyond the limit and never calls the handler', async () => {
    const running = await run();
    const fits = { ':path': '/hello', authorization: 'a'.repeat(30_000) };
    expect((await call(running, fits)).status).toBe(200);
    const floods = { ':path': '/flood', authorization: 'a'.repeat(60_000) };
    await expect(call(running, floods)).rejects.toThrow();
    expect(running.handler.handledPaths).not.toContain('/flood');
  });

  it('refuses a body that does not match its Content-Length', async () => {
    const running = await run();
    for (const length of ['3', '9']) {
      const headers = { ':path': '/digest', ':method': 'PUT', 'content-length': length };
      await expect(call(running, headers, Buffer.from('hello'))).rejects.toThrow();
    }
    expect((await call(running, { ':path': '/hello' })).status).toBe(200);
  });

  it('cuts streams that move no byte, and no slow handler', async () => {
    const running = await run({ limits: { noProgressTimeoutMs: 300 } });
    const source = new PiecewiseSource(Buffer.alloc(64 * mebibyte), 512 * 1024);
    running.handler.on('/stuck', () => ({
      status: 200,
      headers: [],
      body: source,
      sizeBytes: 64 * mebibyte,
    }));
    running.handler.on('/thinking', async () => {
      await delay(1000);
      return text(200, 'thought');
    });
    const thinking = call(running, { ':path': '/thinking' });
    const upload = running.session.request({ ':path': '/digest', ':method': 'PUT' });
    upload.write('123');
    const download = running.session.request({ ':path': '/stuck' });
    download.on('error', () => {
      // The cut we wait for.
    });
    await expect(replyOf(upload)).rejects.toThrow();
    await source.cancelled.promise;
    expect((await thinking).body.toString()).toBe('thought');
  });

  it('ends idle sessions after the idle time', async () => {
    const { session } = await run({ limits: { idleTimeoutMs: 200 } });
    await once(session, 'close');
  });

  it('says goodbye when it closes: idle sessions end, running streams finish', async () => {
    const running = await run();
    const idle = await openSession(running.port);
    const isRunning = gate();
    const mayFinish = gate();
    running.handler.on('/running', async () => {
      isRunning.open();
      await mayFinish.promise;
      return text(200, 'finished');
    });
    const reply = call(running, { ':path': '/running' });
    await isRunning.promise;
    const goodbye = once(running.session, 'goaway');
    const idleClosed = once(idle, 'close');
    const closing = running.frontEnd.close(20_000);
    await Promise.all([goodbye, idleClosed]);
    mayFinish.open();
    expect((await reply).body.toString()).toBe('finished');
    expect(await closing).toEqual({ cut: 0 });
  });

  it('cuts what still runs when the grace is over', async () => {
    const running = await run();
    const isRunning = gate();
    const aborted = gate();
    running.handler.on('/endless', async (exchange) => {
      exchange.signal.addEventListener('abort', () => aborted.open());
      isRunning.open();
      await aborted.promise;
      return text(500, 'never sent');
    });
    const reply = expect(call(running, { ':path': '/endless' })).rejects.toThrow();
    await isRunning.promise;
    expect(await running.frontEnd.close(50)).toEqual({ cut: 1 });
    await aborted.promise;
    await reply;
  });
});
