/** HTTP/2 clients that send frame by frame what no well-behaved one does: the limits hold for them too. */

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNodeFrontEnd } from '../../../native-free/front-end.ts';
import { createBufferPool } from '../../../src/http/buffer-pool.ts';
import type { FrontEnd } from '../../../src/http/exchange.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import {
  digestBody,
  PiecewiseSource,
  ScriptedHandler,
  text,
} from '../../support/scripted-handler.ts';

const idleMs = 600;
const noProgressMs = 1_500;
const largeBytes = 400_000;

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const frameTypes = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, window: 8, more: 9 };
const endStream = 1;
const endHeaders = 4;

function frame(
  type: keyof typeof frameTypes,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(frameTypes[type], 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Literal fields without indexing or Huffman coding. */
function fields(pairs: Record<string, string>): Buffer {
  return Buffer.concat(
    Object.entries(pairs).map(([name, value]) =>
      Buffer.from(
        `\0${String.fromCharCode(name.length)}${name}${String.fromCharCode(value.length)}${value}`,
        'latin1',
      ),
    ),
  );
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const ping = frame('ping', 0, 0, Buffer.from('12345678'));
const noSettings = frame('settings', 0, 0);
const windowZero = frame('settings', 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(0)]));
const moreForSession = frame('window', 0, 0, uint32(1));

function requestOf(path: string, method = 'GET'): Buffer {
  return fields({ ':method': method, ':scheme': 'http', ':path': path, ':authority': 'x' });
}

describe('hostile HTTP/2 clients', { concurrent: true }, () => {
  const handler = new ScriptedHandler();
  let frontEnd: FrontEnd;
  let port: number;

  beforeAll(async () => {
    frontEnd = createNodeFrontEnd({
      handler,
      pool: createBufferPool({ maxBuffers: 4 }),
      logger: silentLogger,
      limits: {
        maxHeaderBytes: 32_768,
        headerTimeoutMs: idleMs,
        idleTimeoutMs: idleMs,
        noProgressTimeoutMs: noProgressMs,
        maxConnections: 100,
      },
      http2: true,
      h2c: true,
    });
    handler.on('/small', () => text(200, 'small'));
    handler.on('/memory', () => text(200, 'x'.repeat(largeBytes)));
    handler.on('/source', () => ({
      status: 200,
      headers: [],
      body: new PiecewiseSource(Buffer.alloc(largeBytes, 'x'), 100_000),
      sizeBytes: largeBytes,
    }));
    handler.on('/digest', digestBody);
    port = (await frontEnd.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 })).port;
  });
  afterAll(async () => {
    await frontEnd.close(0);
  });

  /** Opens a session with these frames, goes on with those now and then, and tells for how long it was left open. */
  async function openForMs(first: Buffer[], again: (round: number) => Buffer[]): Promise<number> {
    const connection = await RawConnection.open(port);
    const startMs = performance.now();
    connection.send(Buffer.concat([preface, ...first]));
    for (let round = 0; !connection.isClosed && performance.now() - startMs < 15_000; round += 1) {
      for (const bytes of again(round)) connection.send(bytes);
      await delay(100);
    }
    connection.end();
    return performance.now() - startMs;
  }

  const silence = (): Buffer[] => [];
  const pings = (): Buffer[] => [ping];
  const ways: [string, (round: number) => Buffer[]][] = [
    ['silence', silence],
    ['PING', pings],
    ['SETTINGS', () => [noSettings]],
    ['WINDOW_UPDATE', () => [moreForSession]],
  ];

  it.each(ways)('have an idle session closed, whatever they send: %s', async (_, again) => {
    expect(await openForMs([noSettings], again)).toBeLessThan(idleMs + 5_000);
  });

  const halfHeader = frame('headers', endStream, 1, requestOf('/small'));
  it.each([
    ['silence', silence],
    ['its next bytes', () => [frame('more', 0, 1, fields({ a: 'b' }))]],
  ])('have a session closed whose header never ends: %s', async (_, again) => {
    expect(await openForMs([noSettings, halfHeader], again)).toBeLessThan(idleMs + 5_000);
  });

  describe.each(['/small', '/memory', '/source'])('that do not take %s', (path) => {
    const request = frame('headers', endStream + endHeaders, 1, requestOf(path));
    it.each(ways)('lose it, and the session, whatever they send: %s', async (_, again) => {
      const openMs = await openForMs([windowZero, request], again);
      expect(openMs).toBeGreaterThan(noProgressMs);
      expect(openMs).toBeLessThan(noProgressMs + idleMs + 6_000);
    });

    it('lose it while others of their requests are served', async () => {
      const connection = await RawConnection.open(port);
      connection.send(Buffer.concat([preface, windowZero, request]));
      const reset = frame('reset', 0, 1, uint32(8)).toString('latin1');
      const startMs = performance.now();
      for (let stream = 3; !connection.text.includes(reset); stream += 2) {
        expect(performance.now() - startMs).toBeLessThan(noProgressMs + 5_000);
        const other = requestOf('/small', 'HEAD');
        connection.send(frame('headers', endStream + endHeaders, stream, other));
        await delay(100);
      }
      expect(connection.isClosed).toBe(false);
      connection.end();
    });
  });

  it.each(ways)('lose an upload that does not move, whatever they send: %s', async (_, again) => {
    const request = frame('headers', endHeaders, 1, requestOf('/digest', 'PUT'));
    const openMs = await openForMs([noSettings, request], again);
    expect(openMs).toBeGreaterThan(noProgressMs);
    expect(openMs).toBeLessThan(noProgressMs + idleMs + 6_000);
  });

  it.each(['/memory', '/source'])(
    'are waited for while they take %s little by little',
    async (path) => {
      const connection = await RawConnection.open(port);
      const request = frame('headers', endStream + endHeaders, 1, requestOf(path));
      connection.send(Buffer.concat([preface, noSettings, request]));
      const startMs = performance.now();
      const received = (): number => connection.text.split('x').length - 1;
      while (received() < largeBytes) {
        expect(connection.isClosed).toBe(false);
        connection.send(frame('window', 0, 0, uint32(8_192)));
        connection.send(frame('window', 0, 1, uint32(8_192)));
        await delay(100);
      }
      expect(performance.now() - startMs).toBeGreaterThan(2 * noProgressMs);
      connection.end();
    },
  );
});
