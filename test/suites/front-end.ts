/**
 * Behaviour that every front end must show; each front end's test runs it with a factory and its abilities.
 * A difference between front ends is an ability, written down there, never a test skipped in silence.
 */

import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createBufferPool } from '../../src/http/buffer-pool.ts';
import type {
  BufferPool,
  FrontEnd,
  FrontEndLimits,
  Reply,
  RequestHandler,
} from '../../src/http/exchange.ts';
import { call, keepAliveAgent, readMessage } from '../support/http-call.ts';
import { RawConnection } from '../support/raw-connection.ts';
import {
  digestBody,
  gate,
  PiecewiseSource,
  ScriptedHandler,
  sha256,
  text,
} from '../support/scripted-handler.ts';
import { tempFolder } from '../support/temp-folder.ts';

export interface FrontEndAbilities {
  /** Serves HTTP/1.0 clients. uWS answers them 505. */
  readonly http10: boolean;
  /** Reads trailers and chunk extensions after RFC 9112 7.1. uWS takes them for data or the next request. */
  readonly trailers: boolean;
  /** Queues a request that comes before the last one's reply is out. uWS closes the connection. */
  readonly asyncPipelining: boolean;
  /** Answers a request with more than 100 header lines, or refuses it. uWS goes silent and closes after 10 s. */
  readonly manyHeaders: boolean;
}

export interface FrontEndParts {
  readonly handler: RequestHandler;
  readonly limits: FrontEndLimits;
  readonly pool: BufferPool;
}

export type FrontEndFactory = (parts: FrontEndParts) => FrontEnd;

const usualLimits: FrontEndLimits = {
  maxHeaderBytes: 32 * 1024,
  headerTimeoutMs: 10_000,
  idleTimeoutMs: 60_000,
  noProgressTimeoutMs: 60_000,
  maxConnections: 1000,
};

const mebibyte = 1024 * 1024;
const requestEnd = '\r\nHost: x\r\n\r\n';

interface Running {
  readonly frontEnd: FrontEnd;
  readonly handler: ScriptedHandler;
  readonly pool: BufferPool;
  readonly port: number;
}

/** Leaves a test out where an ability is written down as missing; test/fault shows what happens there instead. */
function itIf(isAble: boolean): (name: string, body: () => Promise<void>) => void {
  return isAble ? it : () => {};
}

export function describeFrontEnd(
  name: string,
  create: FrontEndFactory,
  abilities: FrontEndAbilities,
): void {
  async function run(
    changes: { limits?: Partial<FrontEndLimits>; maxBuffers?: number } = {},
  ): Promise<Running> {
    const handler = new ScriptedHandler();
    const pool = createBufferPool({ maxBuffers: changes.maxBuffers ?? 64 });
    const frontEnd = create({ handler, pool, limits: { ...usualLimits, ...changes.limits } });
    const { port } = await frontEnd.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
    handler.on('/hello', () => text(200, 'hello'));
    handler.on('/later', async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return text(200, 'later');
    });
    handler.on('/digest', digestBody);
    return { frontEnd, handler, pool, port };
  }

  describe(`${name}: requests and replies`, () => {
    let running: Running;
    beforeAll(async () => {
      running = await run();
    });
    afterEach(() => {
      expect(running.pool.outstanding).toBe(0);
    });
    afterAll(async () => {
      expect(await running.frontEnd.close(0)).toEqual({ cut: 0 });
    });

    it('uses one connection for many requests', async () => {
      const { port } = running;
      const agent = keepAliveAgent();
      const ports = new Set<number | undefined>();
      for (const path of ['/hello', '/later', '/hello', '/unknown', '/later']) {
        const reply = await call(port, { path, agent });
        expect(reply.status).toBe(path === '/unknown' ? 404 : 200);
        ports.add(reply.localPort);
      }
      for (const body of [Buffer.from('abc'), [Buffer.from('d'), Buffer.from('ef')]]) {
        ports.add((await call(port, { method: 'PUT', path: '/digest', body, agent })).localPort);
      }
      ports.add((await call(port, { method: 'HEAD', path: '/hello', agent })).localPort);
      ports.add((await call(port, { path: '/hello', agent })).localPort);
      agent.destroy();
      expect(ports.size).toBe(1);
    });

    it('gives the handler method, path, query, headers and peer as they came', async () => {
      const { port, handler } = running;
      handler.on('/v2/a%2Fb/../c', (exchange) =>
        text(
          200,
          JSON.stringify([
            exchange.method,
            exchange.rawQuery,
            exchange.header('accept'),
            exchange.header('x-absent'),
            exchange.remoteAddress,
            exchange.isTls,
            exchange.httpVersion,
            exchange.body.sizeBytes,
          ]),
        ),
      );
      const connection = await RawConnection.open(port);
      connection.send(
        'GET /v2/a%2Fb/../c?x=1&y=%20z HTTP/1.1\r\nHost: x\r\nAccept: a/b\r\nACCEPT: c/d, e/f\r\n\r\n',
      );
      const said = await connection.until(/\]$/);
      connection.end();
      expect(JSON.parse(said.slice(said.indexOf('\r\n\r\n')))).toEqual([
        'GET',
        'x=1&y=%20z',
        'a/b, c/d, e/f',
        null,
        '127.0.0.1',
        false,
        '1.1',
        0,
      ]);
    });

    it('tells headers, query and peer also when the handler asks for them late', async () => {
      running.handler.on('/late', async (exchange) => {
        await delay(5);
        const { rawQuery, remoteAddress } = exchange;
        return text(200, `${exchange.header('x-late')} ${rawQuery} ${remoteAddress}`);
      });
      const headers = { 'x-late': 'there' };
      const reply = await call(running.port, { path: '/late?a=1', headers });
      expect(reply.body.toString()).toBe('there a=1 127.0.0.1');
    });

    it('answers pipelined requests in order', async () => {
      const path = abilities.asyncPipelining ? '/later' : '/hello';
      const connection = await RawConnection.open(running.port);
      connection.send(`GET ${path} HTTP/1.1${requestEnd}GET /unknown HTTP/1.1${requestEnd}`);
      const said = await connection.until(/no script$/);
      connection.end();
      expect(said.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 404']);
    });

    it('sends headers, status and Content-Length as the reply has them', async () => {
      running.handler.on('/created', () => ({
        status: 201,
        headers: [
          ['Location', '/v2/x'],
          ['Docker-Content-Digest', 'sha256:1'],
        ],
      }));
      const reply = await call(running.port, {
        method: 'POST',
        path: '/created',
        body: Buffer.alloc(0),
      });
      expect(reply.status).toBe(201);
      expect(reply.headers).toMatchObject({
        location: '/v2/x',
        'docker-content-digest': 'sha256:1',
        'content-length': '0',
      });
      expect(await running.handler.finishOf('/created')).toMatchObject({ sentBytes: 0 });
    });

    it('answers HEAD with the length and no body, and 304 and 204 without a body', async () => {
      const { port, handler } = running;
      handler.on('/facts', () => ({ status: 200, headers: [['Content-Length', '12345']] }));
      handler.on('/same', () => ({ status: 304, headers: [['Etag', '"x"']] }));
      handler.on('/empty', () => ({ status: 204, headers: [] }));
      const connection = await RawConnection.open(port);
      connection.send(`HEAD /facts HTTP/1.1${requestEnd}`);
      await connection.until(/\r\n\r\n$/);
      connection.send(`GET /same HTTP/1.1${requestEnd}`);
      await connection.until(/304[\s\S]*\r\n\r\n$/);
      connection.send(`GET /empty HTTP/1.1${requestEnd}`);
      await connection.until(/204[\s\S]*\r\n\r\n$/);
      connection.send(`HEAD /hello HTTP/1.1${requestEnd}`);
      await connection.until(/204[\s\S]*200 OK[\s\S]*\r\n\r\n$/);
      connection.send(`GET /hello HTTP/1.1${requestEnd}`);
      const said = await connection.until(/hello$/);
      connection.end();
      expect(said.match(/content-length: \d+/gi)?.map((line) => line.toLowerCase())).toEqual([
        'content-length: 12345',
        'content-length: 5',
        'content-length: 5',
      ]);
    });

    it.each([0, 1, 65_536, 512 * 1024, 512 * 1024 + 1, 20 * mebibyte])(
      'carries a body of %i bytes both ways unchanged',
      async (sizeBytes) => {
        const { port, handler } = running;
        const bytes = randomBytes(sizeBytes);
        const expected = `${sizeBytes} ${sha256(bytes)}`;
        const sent = await call(port, { method: 'PUT', path: '/digest', body: bytes });
        expect(sent.body.toString()).toBe(expected);

        const source = new PiecewiseSource(bytes, 300_000);
        handler.on(`/source/${sizeBytes}`, () => ({
          status: 200,
          headers: [['Content-Type', 'application/octet-stream']],
          body: source,
          sizeBytes,
        }));
        const streamed = await call(port, { path: `/source/${sizeBytes}` });
        expect(`${streamed.body.length} ${sha256(streamed.body)}`).toBe(expected);
        expect(streamed.headers['content-length']).toBe(String(sizeBytes));
        await source.cancelled.promise;
        const finish = await handler.finishOf(`/source/${sizeBytes}`);
        expect(finish.sentBytes).toBe(sizeBytes);

        handler.on(`/memory/${sizeBytes}`, () => ({ status: 200, headers: [], body: bytes }));
        const whole = await call(port, { path: `/memory/${sizeBytes}` });
        expect(`${whole.body.length} ${sha256(whole.body)}`).toBe(expected);
        expect((await handler.finishOf(`/memory/${sizeBytes}`)).sentBytes).toBe(sizeBytes);
      },
    );

    // A socket paused for the last piece of a body stayed so: the next request waited until the connection was closed.
    it('hears the next request after each of many large chunked uploads', async () => {
      // Reads more slowly than the client sends, so that pieces wait when the end comes.
      running.handler.on('/slowly', async ({ body }) => {
        let sizeBytes = 0;
        for (let piece = await body.read(); piece !== undefined; piece = await body.read()) {
          sizeBytes += piece.length;
          body.pool.give(piece);
          await delay(2);
        }
        return text(200, String(sizeBytes));
      });
      const agent = keepAliveAgent();
      const ports = new Set<number | undefined>();
      const bytes = randomBytes(5 * mebibyte);
      for (let turn = 0; turn < 20; turn += 1) {
        const body = [bytes.subarray(0, bytes.length - turn * 50_000)];
        const sent = await call(running.port, { method: 'PATCH', path: '/slowly', body, agent });
        expect(sent.body.toString()).toBe(String(body[0]?.length));
        const next = await call(running.port, { path: '/hello', agent });
        expect(next.status).toBe(200);
        ports.add(sent.localPort).add(next.localPort);
      }
      expect(ports.size).toBe(1);
      agent.destroy();
    });

    it('takes chunked uploads, in large chunks and in chunks of one byte', async () => {
      const large = randomBytes(3 * mebibyte);
      const pieces = [large.subarray(0, 1_000_000), large.subarray(1_000_000)];
      const first = await call(running.port, { method: 'PATCH', path: '/digest', body: pieces });
      expect(first.body.toString()).toBe(`${large.length} ${sha256(large)}`);

      const small = randomBytes(2000);
      const connection = await RawConnection.open(running.port);
      connection.send(
        'PATCH /digest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n',
      );
      for (const byte of small) {
        connection.send(Buffer.from([0x31, 0x0d, 0x0a, byte, 0x0d, 0x0a]));
      }
      connection.send('0\r\n\r\n');
      expect(await connection.until(/2000 \w+$/)).toContain(`2000 ${sha256(small)}`);
      connection.end();
    });

    it('invites the body when the client expects 100-continue', async () => {
      const connection = await RawConnection.open(running.port);
      connection.send(
        'PUT /digest HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n',
      );
      await connection.until(/^HTTP\/1.1 100 Continue\r\n\r\n/);
      connection.send('hello');
      await connection.until(new RegExp(`5 ${sha256(Buffer.from('hello'))}$`));
      connection.end();
    });

    it('takes a path of 8 KB', async () => {
      const path = `/${'a/'.repeat(4095)}`;
      running.handler.on(path, () => text(200, 'long'));
      expect((await call(running.port, { path })).body.toString()).toBe('long');
    });

    it('takes a header of 30 KB and refuses one beyond the limit', async () => {
      running.handler.on('/token', (exchange) =>
        text(200, String(exchange.header('authorization')?.length)),
      );
      const fits = { authorization: 'a'.repeat(30 * 1024) };
      const accepted = await call(running.port, { path: '/token', headers: fits });
      expect(accepted.body.toString()).toBe(String(30 * 1024));
      const connection = await RawConnection.open(running.port);
      connection.send(
        `GET /too-long HTTP/1.1\r\nHost: x\r\nAuthorization: ${'a'.repeat(40 * 1024)}\r\n\r\n`,
      );
      expect(await connection.closed()).toMatch(/^HTTP\/1.1 4\d\d /);
      expect(running.handler.handledPaths).not.toContain('/too-long');
    });

    it('counts the request line, path and query, to the header', async () => {
      const token = 'a'.repeat(16 * 1024);
      const line = `GET /too-long-line?${'b'.repeat(18 * 1024)} HTTP/1.1\r\nHost: x\r\n`;
      const connection = await RawConnection.open(running.port);
      connection.send(`${line}Authorization: ${token}\r\n\r\n`);
      expect(await connection.closed()).toMatch(/^HTTP\/1.1 431 /);
      expect(running.handler.handledPaths).not.toContain('/too-long-line');
    });

    it('cuts the connection when a reply source fails or ends early', async () => {
      const { port, handler } = running;
      handler.on('/short', () => ({
        status: 200,
        headers: [],
        body: new PiecewiseSource(Buffer.alloc(1000), 100),
        sizeBytes: 5000,
      }));
      handler.on('/broken', () => ({
        status: 200,
        headers: [],
        body: { read: () => Promise.reject(new Error('disk on fire')), cancel() {} },
        sizeBytes: 5000,
      }));
      for (const path of ['/short', '/broken']) {
        await expect(call(port, { path })).rejects.toThrow();
      }
      expect((await handler.finishOf('/short')).sentBytes).toBeLessThanOrEqual(1000);
    });

    it('stays alive when a handler breaks its promise', async () => {
      running.handler.on('/throws', () => {
        throw new Error('handler bug');
      });
      running.handler.on('/rejects', () => Promise.reject(new Error('handler bug')));
      for (const path of ['/throws', '/rejects']) {
        const reply = await call(running.port, { path });
        expect(reply.status).toBe(500);
        expect(reply.body.toString()).not.toContain('handler bug');
      }
      expect((await call(running.port, { path: '/hello' })).status).toBe(200);
    });

    it('keeps the connection after a reply to an upload of up to 1 MiB nobody read', async () => {
      running.handler.on('/refuse', () => text(403, 'refused'));
      const agent = keepAliveAgent();
      const bodies = [
        Buffer.alloc(1000),
        [Buffer.alloc(1000), Buffer.alloc(3)],
        Buffer.alloc(300_000),
        Buffer.alloc(mebibyte),
      ];
      for (const body of bodies) {
        const reply = await call(running.port, { method: 'PUT', path: '/refuse', body, agent });
        expect(reply.body.toString()).toBe('refused');
        expect(reply.headers.connection).not.toBe('close');
        expect((await call(running.port, { path: '/hello', agent })).status).toBe(200);
      }
      agent.destroy();
    });

    it('answers a large upload before its end, and does not read it all', async () => {
      running.handler.on('/refuse-large', () => text(403, 'refused'));
      const outgoing = request({
        port: running.port,
        host: '127.0.0.1',
        method: 'PUT',
        path: '/refuse-large',
        headers: { 'content-length': String(1000 * mebibyte) },
      });
      outgoing.on('error', () => {
        // The server may reset the connection once the reply is out.
      });
      const replied = new Promise<IncomingMessage>((resolve) => {
        outgoing.once('response', resolve);
      });
      outgoing.write(Buffer.alloc(64 * 1024));
      const reply = await replied;
      expect(reply.statusCode).toBe(403);
      expect(reply.headers.connection).toBe('close');
      expect((await readMessage(reply)).toString()).toBe('refused');
      outgoing.destroy();
    });

    describe.each([
      ['with its length', `Content-Length: ${8 * mebibyte}`],
      ['in chunks', 'Transfer-Encoding: chunked'],
      ['with doubtful framing', 'Transfer-Encoding: gzip, chunked'],
    ])('a large upload %s that is refused', (_, framing) => {
      const isRefusedBefore = framing.includes('gzip');
      const open = async (method: string, path: string): Promise<RawConnection> => {
        const connection = await RawConnection.open(running.port);
        connection.send(`${method} ${path} HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n`);
        return connection;
      };
      const piece = framing.includes('chunked')
        ? Buffer.concat([
            Buffer.from('100000\r\n'),
            Buffer.alloc(mebibyte, 'q'),
            Buffer.from('\r\n'),
          ])
        : Buffer.alloc(mebibyte, 'q');
      const end = framing.includes('chunked') ? '0\r\n\r\n' : '';
      /** Whether the reply is there as the handler gave it. */
      const expectWhole = (said: string, endsWith: string): void => {
        const [head = '', body] = said.split('\r\n\r\n');
        expect(head).toMatch(isRefusedBefore ? /^HTTP\/1\.1 501 / : /^HTTP\/1\.1 403 /);
        expect(head).toMatch(/\r\nConnection: close(\r\n|$)/i);
        expect(head).toMatch(/\r\nDate: /i);
        const length = /\r\nContent-Length: (\d+)/i.exec(head)?.[1];
        if (endsWith === 'HEAD') {
          expect([length, body]).toEqual(['7', '']);
        } else {
          expect(Number(length)).toBe(body?.length);
          expect(body?.endsWith(isRefusedBefore ? '}\n' : endsWith)).toBe(true);
        }
      };
      const large = 'x'.repeat(300_000);
      const replies: [method: string, path: string, reply: Reply, end: string][] = [
        ['PUT', '/no-text', text(403, 'refused'), 'refused'],
        ['PUT', '/no-nothing', { status: 403, headers: [] }, ''],
        ['PUT', '/no-large', text(403, large), large],
        ['HEAD', '/no-head', { status: 403, headers: [['Content-Length', '7']] }, 'HEAD'],
      ];
      for (const [method, path, reply, endsWith] of replies) {
        if (isRefusedBefore && path !== '/no-text') continue;

        it(`gives ${path} to a client that reads when all is sent`, async () => {
          running.handler.on(path, () => reply);
          const connection = await open(method, path);
          connection.socket.pause();
          for (let sent = 0; sent < 8; sent += 1) {
            connection.send(piece);
          }
          const startMs = performance.now();
          await new Promise((resolve) => connection.socket.write(end, resolve));
          connection.socket.resume();
          expectWhole(await connection.closed(), endsWith);
          expect(performance.now() - startMs).toBeLessThan(5_000);
        });

        it(`gives ${path} at once to a client that stops sending, and closes soon`, async () => {
          running.handler.on(path, () => reply);
          const connection = await open(method, path);
          connection.send(piece);
          connection.send(piece);
          const startMs = performance.now();
          await connection.until(/\r\n\r\n/);
          expect(performance.now() - startMs).toBeLessThan(800);
          expectWhole(await connection.closed(), endsWith);
          expect(performance.now() - startMs).toBeLessThan(5_000);
        });
      }
    });

    itIf(abilities.http10)('serves HTTP/1.0 and closes', async () => {
      const connection = await RawConnection.open(running.port);
      connection.send('GET /hello HTTP/1.0\r\n\r\n');
      expect(await connection.closed()).toMatch(/^HTTP\/1\.[01] 200 OK[\s\S]*hello$/);
    });

    itIf(abilities.trailers)('reads past trailers and chunk extensions', async () => {
      const connection = await RawConnection.open(running.port);
      connection.send(
        'PUT /digest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n' +
          `5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\nGET /hello HTTP/1.1${requestEnd}`,
      );
      const said = await connection.until(/hello$/);
      connection.end();
      expect(said).toContain(`5 ${sha256(Buffer.from('hello'))}`);
    });

    itIf(abilities.manyHeaders)('answers or refuses 150 header lines', async () => {
      const lines = Array.from({ length: 150 }, (_, index) => `X-${index}: 1\r\n`).join('');
      const connection = await RawConnection.open(running.port);
      connection.send(`GET /hello HTTP/1.1\r\nHost: x\r\n${lines}\r\n`);
      await connection.until(/^HTTP\/1.1 (200|4\d\d) /);
      connection.end();
    });
  });

  describe(`${name}: smuggling`, () => {
    let running: Running;
    beforeAll(async () => {
      running = await run();
    });
    afterAll(async () => {
      await running.frontEnd.close(0);
    });

    it.each([
      ['two Content-Lengths', 'Content-Length: 5\r\nContent-Length: 6'],
      ['Content-Length with Transfer-Encoding', 'Content-Length: 5\r\nTransfer-Encoding: chunked'],
      ['Transfer-Encoding with Content-Length', 'Transfer-Encoding: chunked\r\nContent-Length: 5'],
      ['a plus sign', 'Content-Length: +5'],
      ['a negative length', 'Content-Length: -5'],
      ['a hexadecimal length', 'Content-Length: 0x5'],
      ['a list of lengths', 'Content-Length: 5, 6'],
      ['a length with a space in it', 'Content-Length: 5 6'],
      ['a length beyond any file', 'Content-Length: 99999999999999999999'],
      ['an unknown coding', 'Transfer-Encoding: xchunked'],
      ['a coding before chunked', 'Transfer-Encoding: gzip, chunked'],
      ['chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked'],
      ['identity', 'Transfer-Encoding: identity'],
      ['two Hosts', 'Content-Length: 5\r\nHost: y'],
      ['one Host twice', 'Content-Length: 5\r\nHost: x'],
    ])('refuses %s and closes', async (_, header) => {
      const doubtful = `PUT /doubtful HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n0\r\n\r\n`;
      const alone = await RawConnection.open(running.port);
      alone.send(doubtful);
      expect(await alone.closed()).toMatch(/^HTTP\/1.1 (400|501) /);

      // With a second request behind it a front end may close without a word, but must never serve that one.
      const smuggling = await RawConnection.open(running.port);
      smuggling.send(`${doubtful}GET /smuggled HTTP/1.1${requestEnd}`);
      const said = await smuggling.closed();
      expect(said).toMatch(/^(HTTP\/1.1 (400|501) |$)/);
      expect(said.match(/HTTP\/1.1 /g)?.length ?? 0).toBeLessThanOrEqual(1);
      expect(running.handler.handledPaths).toEqual([]);
    });
  });

  describe(`${name}: back-pressure and aborts`, () => {
    it('stops a client whose upload nobody reads', async () => {
      const { frontEnd, handler, pool, port } = await run({ maxBuffers: 6 });
      const mayRead = gate();
      handler.on('/slow', async (exchange) => {
        await mayRead.promise;
        return await digestBody(exchange);
      });
      const bytes = randomBytes(mebibyte);
      const connection = await RawConnection.open(port);
      const totalMebibytes = 96;
      connection.send(
        `PUT /slow HTTP/1.1\r\nHost: x\r\nContent-Length: ${totalMebibytes * mebibyte}\r\n\r\n`,
      );
      for (let sent = 0; sent < totalMebibytes; sent += 1) {
        connection.send(bytes);
      }
      // That nothing more is taken is no event: look until two looks agree.
      let before = -1;
      let waiting = connection.socket.writableLength;
      while (waiting !== before) {
        await delay(150);
        before = waiting;
        waiting = connection.socket.writableLength;
      }
      expect(waiting).toBeGreaterThan(48 * mebibyte);
      expect(pool.outstanding).toBeLessThanOrEqual(6);
      mayRead.open();
      expect(await connection.until(/\d+ \w{64}$/)).toContain(`${totalMebibytes * mebibyte} `);
      connection.end();
      await frontEnd.close(0);
      expect(pool.outstanding).toBe(0);
    });

    it('hears the next request after a chunked body whose end came while its socket was stopped', async () => {
      const { frontEnd, handler, port } = await run({ maxBuffers: 1 });
      const mayRead = gate();
      handler.on('/slow', async (exchange) => {
        await mayRead.promise;
        return await digestBody(exchange);
      });
      const chunk = Buffer.concat([
        Buffer.from('2000\r\n'),
        randomBytes(0x2000),
        Buffer.from('\r\n'),
      ]);
      const connection = await RawConnection.open(port);
      connection.send(
        Buffer.concat([
          Buffer.from('PUT /slow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'),
          // One chunk more than a buffer holds.
          ...Array.from({ length: 65 }, () => chunk),
          Buffer.from('0\r\n\r\n'),
        ]),
      );
      // The server has turned its loop by then.
      await call(port, { path: '/hello' });
      await call(port, { path: '/hello' });
      mayRead.open();
      expect(await connection.until(/\d+ \w{64}$/)).toContain(`${65 * 0x2000} `);
      connection.send('GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      expect(await connection.until(/hello/)).toContain('200 OK');
      connection.end();
      await frontEnd.close(0);
    });

    it('lets many uploads share few buffers', async () => {
      const { frontEnd, pool, port } = await run({ maxBuffers: 2 });
      const bytes = randomBytes(2 * mebibyte + 7);
      const replies = await Promise.all(
        Array.from({ length: 8 }, () =>
          call(port, { method: 'PUT', path: '/digest', body: bytes }),
        ),
      );
      for (const reply of replies) {
        expect(reply.body.toString()).toBe(`${bytes.length} ${sha256(bytes)}`);
      }
      await frontEnd.close(0);
      expect(pool.outstanding).toBe(0);
    });

    it('does not read a source faster than the client reads the reply', async () => {
      const { frontEnd, handler, port } = await run();
      const bytes = randomBytes(64 * mebibyte);
      const source = new PiecewiseSource(bytes, 512 * 1024);
      handler.on('/large', () => ({
        status: 200,
        headers: [],
        body: source,
        sizeBytes: bytes.length,
      }));
      const { message } = await openDownload(port, '/large');
      let before = -1;
      while (source.readBytes !== before) {
        before = source.readBytes;
        await delay(150);
      }
      expect(source.readBytes).toBeLessThan(32 * mebibyte);
      expect(sha256(await readMessage(message))).toBe(sha256(bytes));
      await frontEnd.close(0);
    });

    it('keeps the bytes received before a client aborts its upload', async () => {
      const { frontEnd, handler, pool, port } = await run();
      const mayRead = gate();
      const outcome = gate<{ sizeBytes: number; error: unknown; reason: unknown }>();
      handler.on('/aborted', async (exchange) => {
        const { signal } = exchange;
        await mayRead.promise;
        let sizeBytes = 0;
        try {
          for (;;) {
            const piece = await exchange.body.read();
            sizeBytes += piece?.length ?? 0;
            exchange.body.pool.give(piece ?? new Uint8Array(0));
          }
        } catch (error) {
          outcome.open({ sizeBytes, error, reason: signal.reason });
        }
        return text(499, 'nobody hears this');
      });
      const outgoing = request({
        port,
        host: '127.0.0.1',
        method: 'PATCH',
        path: '/aborted',
        headers: { 'content-length': '5000000' },
      });
      outgoing.on('error', () => {
        // Our own abort.
      });
      await new Promise<void>((resolve) => {
        outgoing.write(Buffer.alloc(700_000), () => resolve());
      });
      await delay(100);
      outgoing.destroy();
      await delay(100);
      mayRead.open();
      const { sizeBytes, error, reason } = await outcome.promise;
      expect(sizeBytes).toBe(700_000);
      expect(error).toMatchObject({ code: 'CLIENT_GONE' });
      expect(reason).toMatchObject({ code: 'CLIENT_GONE' });
      await handler.finishOf('/aborted');
      expect(pool.outstanding).toBe(0);
      await frontEnd.close(0);
    });

    it('tells a waiting reader and the signal when the client goes', async () => {
      const { frontEnd, handler, port } = await run();
      const isReading = gate();
      const aborted = gate<unknown>();
      handler.on('/waiting', async (exchange) => {
        exchange.signal.addEventListener('abort', () => aborted.open(exchange.signal.reason));
        isReading.open();
        return await digestBody(exchange);
      });
      const connection = await RawConnection.open(port);
      connection.send('PUT /waiting HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123');
      await isReading.promise;
      connection.end();
      expect(await aborted.promise).toMatchObject({ code: 'CLIENT_GONE' });
      await handler.finishOf('/waiting');
      await frontEnd.close(0);
    });

    it('cancels the source when the client aborts a download', async () => {
      const { frontEnd, handler, port } = await run();
      const bytes = Buffer.alloc(64 * mebibyte);
      const source = new PiecewiseSource(bytes, 512 * 1024);
      handler.on('/abandoned', () => ({
        status: 200,
        headers: [],
        body: source,
        sizeBytes: bytes.length,
      }));
      const { outgoing, message } = await openDownload(port, '/abandoned');
      message.on('error', () => {
        // Our own abort.
      });
      outgoing.destroy();
      await source.cancelled.promise;
      const finish = await handler.finishOf('/abandoned');
      expect(finish.sentBytes).toBeLessThan(bytes.length);
      await frontEnd.close(0);
    });
  });

  describe(`${name}: time`, { concurrent: true }, () => {
    it('outlives stalls of 12 s in both directions, a slow upload, and a handler that takes as long', async () => {
      const { frontEnd, handler, port } = await run();
      const bytes = randomBytes(32 * mebibyte);
      handler.on('/stalled', () => ({
        status: 200,
        headers: [],
        body: new PiecewiseSource(bytes, 512 * 1024),
        sizeBytes: bytes.length,
      }));
      handler.on('/thinking', async () => {
        await delay(12_000);
        return text(200, 'thought');
      });
      handler.on('/lazy', async (exchange) => {
        await delay(12_000);
        return await digestBody(exchange);
      });
      const upload = async (): Promise<void> => {
        const connection = await RawConnection.open(port);
        connection.send(
          `PUT /digest HTTP/1.1\r\nHost: x\r\nContent-Length: ${2 * mebibyte}\r\n\r\n`,
        );
        connection.send(bytes.subarray(0, mebibyte));
        await delay(12_000);
        connection.send(bytes.subarray(mebibyte, 2 * mebibyte));
        const digest = sha256(bytes.subarray(0, 2 * mebibyte));
        expect(await connection.until(/\w{64}$/)).toContain(digest);
        connection.end();
      };
      /** Below the least rate that uWS's own clock lets pass. */
      const slowUpload = async (): Promise<void> => {
        const connection = await RawConnection.open(port);
        const pieceBytes = 4 * 1024;
        const pieces = 28;
        connection.send(
          `PUT /digest HTTP/1.1\r\nHost: x\r\nContent-Length: ${pieces * pieceBytes}\r\n\r\n`,
        );
        for (let sent = 0; sent < pieces; sent += 1) {
          connection.send(bytes.subarray(sent * pieceBytes, (sent + 1) * pieceBytes));
          await delay(500);
        }
        const digest = sha256(bytes.subarray(0, pieces * pieceBytes));
        expect(await connection.until(/\w{64}$/)).toContain(digest);
        connection.end();
      };
      const unreadUpload = async (): Promise<void> => {
        const body = bytes.subarray(0, 8 * mebibyte);
        const reply = await call(port, { method: 'PUT', path: '/lazy', body });
        expect(reply.body.toString()).toContain(sha256(body));
      };
      const download = async (): Promise<void> => {
        const { message } = await openDownload(port, '/stalled');
        await delay(12_000);
        expect(sha256(await readMessage(message))).toBe(sha256(bytes));
      };
      const think = async (): Promise<void> => {
        expect((await call(port, { path: '/thinking' })).body.toString()).toBe('thought');
      };
      await Promise.all([upload(), slowUpload(), unreadUpload(), download(), think()]);
      await frontEnd.close(0);
    });

    it('cuts an upload and a download that move no byte, and no slow handler', async () => {
      const { frontEnd, handler, port } = await run({ limits: { noProgressTimeoutMs: 400 } });
      const source = new PiecewiseSource(Buffer.alloc(64 * mebibyte), 512 * 1024);
      handler.on('/stuck', () => ({
        status: 200,
        headers: [],
        body: source,
        sizeBytes: 64 * mebibyte,
      }));
      handler.on('/thinking', async () => {
        await delay(1200);
        return text(200, 'thought');
      });
      const thinking = call(port, { path: '/thinking' });
      const connection = await RawConnection.open(port);
      connection.send('PUT /digest HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123');
      const { message } = await openDownload(port, '/stuck');
      message.on('error', () => {
        // The cut we wait for.
      });
      await connection.closed();
      await source.cancelled.promise;
      await handler.finishOf('/stuck');
      expect((await thinking).body.toString()).toBe('thought');
      await frontEnd.close(0);
    });
  });

  describe(`${name}: limits and closing`, () => {
    it('refuses connections beyond the bound', async () => {
      const { frontEnd, port } = await run({ limits: { maxConnections: 2 } });
      const first = await RawConnection.open(port);
      const second = await RawConnection.open(port);
      for (const connection of [first, second]) {
        connection.send(`GET /hello HTTP/1.1${requestEnd}`);
        await connection.until(/hello$/);
      }
      const third = await RawConnection.open(port);
      expect(await third.closed()).not.toContain('200 OK');
      first.end();
      second.end();
      await frontEnd.close(0);
    });

    it('closes idle connections at once and lets running exchanges finish', async () => {
      const { frontEnd, handler, pool, port } = await run();
      const isRunning = gate();
      const mayFinish = gate();
      handler.on('/running', async () => {
        isRunning.open();
        await mayFinish.promise;
        return text(200, 'finished');
      });
      const running = await RawConnection.open(port);
      const uploading = await RawConnection.open(port);
      running.send(`GET /running HTTP/1.1${requestEnd}`);
      uploading.send('PUT /digest HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345');
      await isRunning.promise;
      const closing = frontEnd.close(20_000);
      await expect(RawConnection.open(port)).rejects.toThrow('ECONNREFUSED');
      uploading.send('67890');
      expect(await uploading.closed()).toContain(`10 ${sha256(Buffer.from('1234567890'))}`);
      mayFinish.open();
      expect(await running.closed()).toMatch(/finished$/);
      expect(await closing).toEqual({ cut: 0 });
      expect(pool.outstanding).toBe(0);
    });

    it('resolves close at once when only idle connections are open', async () => {
      const { frontEnd, port } = await run();
      const idle = await RawConnection.open(port);
      idle.send(`GET /hello HTTP/1.1${requestEnd}`);
      await idle.until(/hello$/);
      const closing = frontEnd.close(60_000);
      await idle.closed();
      expect(await closing).toEqual({ cut: 0 });
    });

    it('cuts what still runs when the grace is over', async () => {
      const { frontEnd, handler, port } = await run();
      const isRunning = gate();
      const aborted = gate<unknown>();
      handler.on('/endless', async (exchange) => {
        exchange.signal.addEventListener('abort', () => aborted.open(exchange.signal.reason));
        isRunning.open();
        await aborted.promise;
        return text(500, 'never sent');
      });
      const connection = await RawConnection.open(port);
      connection.send(`GET /endless HTTP/1.1${requestEnd}`);
      await isRunning.promise;
      expect(await frontEnd.close(50)).toEqual({ cut: 1 });
      expect(await connection.closed()).toBe('');
      await aborted.promise;
      await handler.finishOf('/endless');
    });

    it.each([0o022, 0o007, 0o077])('leaves a unix socket to the umask: %i', async (umask) => {
      const { frontEnd } = await run();
      const folder = await tempFolder();
      const path = join(folder.path, 'registry.sock');
      const before = process.umask(umask);
      try {
        await frontEnd.listen({ kind: 'unix', path });
      } finally {
        process.umask(before);
      }
      expect((await stat(path)).mode & 0o777).toBe(0o777 & ~umask);
      await frontEnd.close(0);
      await folder.remove();
    });

    it('says in one line that an address is in use', async () => {
      const first = await run();
      const second = await run();
      await expect(
        second.frontEnd.listen({ kind: 'tcp', host: '127.0.0.1', port: first.port }),
      ).rejects.toMatchObject({
        code: 'LISTEN_FAILED',
        message: `cannot listen on 127.0.0.1:${first.port}: address already in use`,
      });
      await first.frontEnd.close(0);
      await second.frontEnd.close(0);
    });
  });
}

/** Starts a download and stops reading after the head. */
function openDownload(
  port: number,
  path: string,
): Promise<{ outgoing: ClientRequest; message: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ port, host: '127.0.0.1', path, agent: false });
    outgoing.once('response', (message) => resolve({ outgoing, message }));
    outgoing.once('error', reject);
    outgoing.end();
  });
}
