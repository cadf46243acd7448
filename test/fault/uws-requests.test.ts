/**
 * What uWebSockets.js cannot read or serve. None of it can be mended above the add-on; these tests hold that nothing
 * hangs beyond its bound, and fail when a newer build does better, so that the docs can follow.
 */

import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBufferPool } from '../../src/http/buffer-pool.ts';
import type { FrontEnd } from '../../src/http/exchange.ts';
import { createUwsFrontEnd } from '../../src/http/uws/front-end.ts';
import { silentLogger } from '../../src/observe/logger.ts';
import { ApiClient } from '../support/api-client.ts';
import { RawConnection } from '../support/raw-connection.ts';
import { startRegistry } from '../support/registry.ts';
import { digestBody, ScriptedHandler, text } from '../support/scripted-handler.ts';
import { loadUwsForTests } from '../support/uws.ts';

const uws = loadUwsForTests();
const warnings: string[] = [];
const handler = new ScriptedHandler();
let frontEnd: FrontEnd;
let port: number;

beforeAll(async () => {
  handler.on('/digest', digestBody);
  handler.on('/later', async () => {
    await delay(20);
    return text(200, 'later');
  });
  frontEnd = createUwsFrontEnd({
    uws,
    handler,
    logger: { ...silentLogger, warn: (message) => warnings.push(message) },
    pool: createBufferPool({ maxBuffers: 4 }),
    limits: {
      maxHeaderBytes: 32_768,
      headerTimeoutMs: 10_000,
      idleTimeoutMs: 10_000,
      noProgressTimeoutMs: 1000,
      maxConnections: 100,
    },
  });
  port = (await frontEnd.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 })).port;
});
afterAll(async () => {
  await frontEnd.close(0);
});

function answerTo(data: string): Promise<string> {
  return answerOf(port, data);
}

async function answerOf(serverPort: number, data: string): Promise<string> {
  const connection = await RawConnection.open(serverPort);
  connection.send(data);
  return await connection.closed();
}

describe('requests that uWS cannot serve', () => {
  it.each([
    ['HTTP/1.0', 'GET /later HTTP/1.0\r\nHost: x\r\n\r\n'],
    ['an absolute request target', 'GET http://x/later HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['lines that end in LF alone', 'GET /later HTTP/1.1\nHost: x\n\n'],
  ])('get 505: %s', async (_, data) => {
    expect(await answerTo(data)).toMatch(/^HTTP\/1.1 505 /);
  });

  it('are hinted at in the log, once', () => {
    expect(warnings.filter((message) => message.includes('HTTP/1.0'))).toHaveLength(1);
  });

  it('close the connection: a second request before the reply to the first', async () => {
    const one = 'GET /later HTTP/1.1\r\nHost: x\r\n\r\n';
    expect(await answerTo(one + one)).toBe('');
  });

  it('close the connection: trailers', async () => {
    const answer = await answerTo(
      'PUT /digest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n',
    );
    expect(answer).not.toContain('200 OK');
  });

  it('are cut by our own no-progress limit: chunk extensions', async () => {
    const answer = await answerTo(
      'PUT /digest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n',
    );
    expect(answer).toBe('');
  });

  it('close the connection: the client shuts its sending side before the reply', async () => {
    const connection = await RawConnection.open(port);
    connection.socket.end('GET /later HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await connection.closed()).toBe('');
  });
});

it('stops serving a client that pipelines and never reads, instead of storing its replies', async () => {
  let served = 0;
  const body = Buffer.alloc(60_000);
  handler.on('/much', () => {
    served += 1;
    return { status: 200, headers: [], body };
  });
  const connection = await RawConnection.open(port);
  connection.socket.pause();
  const batch = 'GET /much HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(200);
  for (let sent = 0; sent < 100; sent += 1) {
    connection.send(batch);
  }
  let before = -1;
  while (served !== before) {
    before = served;
    await delay(150);
  }
  connection.end();
  expect(served).toBeGreaterThan(0);
  expect(served).toBeLessThan(10_000);
});

it('has no reason to warn of writes outside a cork', async () => {
  // Nor is the process's own output a place for the add-on's words.
  const registry = await startRegistry({ frontEnd: 'uws' });
  const api = new ApiClient(registry.port);
  const blob = randomBytes(3 * 1024 * 1024);
  const digest = await api.pushBlob('corked', blob);
  const patched = await api.patch(await api.startUpload('corked'), blob);
  expect(patched.status).toBe(202);
  expect((await api.get(`/v2/corked/blobs/${digest}`)).body.equals(blob)).toBe(true);
  expect((await api.get('/v2/corked/tags/list')).status).toBe(404);
  const refused = await answerOf(
    registry.port,
    'GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\n\r\n',
  );
  expect(refused).toMatch(/^HTTP\/1.1 501 /);
  api.close();
  expect(await registry.stop()).toBe(0);
  expect(registry.log()).not.toMatch(/uWS/);
});

describe('bodies in chunks that uWS takes though they are malformed', () => {
  it.each([
    ['other bytes for the line break after the data', '5\r\nhelloXX0\r\n\r\n'],
    ['none at all there', '5\r\nhello0\r\n\r\n'],
    ['LF alone', '5\nhello\n\n0\n\n'],
    ['other bytes at the end', '5\r\nhello\r\n0\r\nXX'],
  ])('%s', async (_, body) => {
    const connection = await RawConnection.open(port);
    connection.send(`PUT /digest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
    expect(await connection.until(/\w{64}$/)).toMatch(/^HTTP\/1\.1 200 /);
    connection.end();
  });
});

describe('connections that uWS closes by its own clock', { concurrent: true }, () => {
  it.each([
    ['nothing at all', ''],
    ['no Host', 'GET /later HTTP/1.1\r\n\r\n'],
    ['a space before the colon', 'GET /later HTTP/1.1\r\nHost: x\r\nX-A : 1\r\n\r\n'],
    ['a folded line', 'GET /later HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n 2\r\n\r\n'],
    ['a header name with _', 'GET /later HTTP/1.1\r\nHost: x\r\nX_Request_Start: 1\r\n\r\n'],
    ['a header name with .', 'GET /later HTTP/1.1\r\nHost: x\r\nX.A: 1\r\n\r\n'],
    ['half a header', 'GET /later HTTP/1.1\r\nHo'],
    ['150 header lines', `GET /later HTTP/1.1\r\nHost: x\r\n${'X-A: 1\r\n'.repeat(150)}\r\n`],
  ])('%s', async (_, data) => {
    expect(await answerTo(data)).not.toContain('200 OK');
  });

  it('one that is idle after a reply, which told the client so', async () => {
    const connection = await RawConnection.open(port);
    connection.send('GET /later HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await connection.until(/later$/)).toContain('\r\nKeep-Alive: timeout=8\r\n');
    const startMs = performance.now();
    await connection.closed();
    // Sooner, and a client that keeps to the header would meet a closing connection.
    expect(performance.now() - startMs).toBeGreaterThan(7_900);
    expect(performance.now() - startMs).toBeLessThan(20_000);
  });

  it('a header that comes byte by byte for ever', async () => {
    const connection = await RawConnection.open(port);
    for (let sent = 0; sent < 40 && !connection.isClosed; sent += 1) {
      connection.send(sent === 0 ? 'GET /later HTTP/1.1\r\nX-Slow: ' : 'x');
      await delay(500);
    }
    expect(connection.isClosed).toBe(true);
  });
});
