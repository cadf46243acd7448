import { describe, expect, it } from 'vitest';
import { ClientGoneError } from '../../../../src/errors.ts';
import { createBufferPool } from '../../../../src/http/buffer-pool.ts';
import type { BufferPool } from '../../../../src/http/exchange.ts';
import { UwsBody } from '../../../../src/http/uws/body-source.ts';
import type { UwsResponse } from '../../../../src/http/uws/types.ts';

/** In memory: the point is to place each arrival, read and abort exactly, which no socket allows. */
class PushedResponse {
  isPaused = false;
  #push: (chunk: ArrayBuffer, isLast: boolean) => void = () => {};

  onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): this {
    this.#push = handler;
    return this;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  /** As uWS does it, the chunk's memory is worthless after the callback. */
  push(text: string, isLast = false): void {
    const chunk = new TextEncoder().encode(text);
    this.#push(chunk.buffer, isLast);
    chunk.fill(0xee);
  }
}

function bodyWith(options: { bufferBytes?: number; maxBuffers?: number; sizeBytes?: number }) {
  const pool = createBufferPool({
    bufferBytes: options.bufferBytes ?? 4,
    smallBufferBytes: 0,
    maxBuffers: options.maxBuffers ?? 100,
  });
  const res = new PushedResponse();
  const body = new UwsBody(res as unknown as UwsResponse, options.sizeBytes, pool);
  return { pool, res, body };
}

function heldText(body: UwsBody, pool: BufferPool): string {
  const piece = body.takeHeld() ?? Buffer.alloc(0);
  const text = Buffer.from(piece).toString();
  pool.give(piece);
  return text;
}

async function readText(body: UwsBody, pool: BufferPool): Promise<string> {
  const piece = await body.read();
  if (piece === undefined) {
    return '<end>';
  }
  const text = Buffer.from(piece).toString();
  pool.give(piece);
  return text;
}

async function readRest(body: UwsBody, pool: BufferPool): Promise<string> {
  let all = '';
  for (;;) {
    const text = await readText(body, pool);
    if (text === '<end>') {
      return all;
    }
    all += text;
  }
}

describe('UwsBody', () => {
  // A piece and the end out of one read of the socket: the next request was not heard until uWS closed the connection.
  it('does not leave the socket paused for the next request when the end comes while it is', async () => {
    const { res, body, pool } = bodyWith({});
    res.push('abcd'.repeat(5));
    expect(res.isPaused).toBe(true);
    res.push('', true);
    expect(res.isPaused).toBe(false);
    expect(await readRest(body, pool)).toBe('abcd'.repeat(5));
  });

  it.each([
    ['in one chunk', ['abcdefghij']],
    ['byte by byte', [...'abcdefghij']],
    ['with empty chunks', ['', 'abc', '', 'defghij', '']],
  ])('gives what came %s, whole and in order', async (_, chunks) => {
    const { res, body, pool } = bodyWith({});
    for (const chunk of chunks) {
      res.push(chunk);
    }
    res.push('', true);
    expect(await readRest(body, pool)).toBe('abcdefghij');
    expect(await body.read()).toBeUndefined();
    expect(pool.outstanding).toBe(0);
  });

  it('gathers small arrivals for a waiting reader, and does not wait for a full buffer', async () => {
    const { res, body, pool } = bodyWith({ bufferBytes: 100 });
    const reading = readText(body, pool);
    res.push('a');
    res.push('b');
    expect(await reading).toBe('ab');
  });

  it('pauses the socket while pieces wait, and resumes it when they are read', async () => {
    const { res, body, pool } = bodyWith({ sizeBytes: 16 });
    res.push('aaa');
    expect(res.isPaused).toBe(false);
    res.push('abbb');
    expect(res.isPaused).toBe(true);
    expect(await readText(body, pool)).toBe('aaaa');
    expect(res.isPaused).toBe(false);
  });

  it('leaves a large body with its client until somebody reads', async () => {
    const { res, body, pool } = bodyWith({ sizeBytes: 1_000_000 });
    body.holdUnread();
    expect(res.isPaused).toBe(true);
    const reading = readText(body, pool);
    expect(res.isPaused).toBe(false);
    res.push('aaaa');
    expect(await reading).toBe('aaaa');
    body.holdUnread();
    expect(res.isPaused).toBe(false);
  });

  it('gives what it holds, part-filled buffers too, and takes no more before the next read', async () => {
    const { res, body, pool } = bodyWith({ sizeBytes: 16 });
    res.push('aaaabb');
    expect(heldText(body, pool)).toBe('aaaa');
    expect(heldText(body, pool)).toBe('bb');
    expect(body.takeHeld()).toBeUndefined();
    expect(res.isPaused).toBe(true);
    expect(pool.outstanding).toBe(0);
    const reading = readText(body, pool);
    expect(res.isPaused).toBe(false);
    res.push('cccc');
    expect(await reading).toBe('cccc');
  });

  it.each([undefined, 1_000_000])(
    'takes no buffer for a body of %s bytes before it is read',
    async (sizeBytes) => {
      const { res, body, pool } = bodyWith(sizeBytes === undefined ? {} : { sizeBytes });
      res.push('aaaab');
      expect(res.isPaused).toBe(true);
      expect(pool.outstanding).toBe(0);
      expect(await readText(body, pool)).toBe('aaaa');
      expect(res.isPaused).toBe(false);
      res.push('bbb', true);
      expect(await readRest(body, pool)).toBe('bbbb');
      expect(pool.outstanding).toBe(0);
    },
  );

  it('keeps what came while the pool was empty, and goes on when a buffer comes back', async () => {
    const { res, body, pool } = bodyWith({ maxBuffers: 1, sizeBytes: 11 });
    res.push('aaaabbbbcc');
    expect(res.isPaused).toBe(true);
    res.push('c', true);
    expect(pool.outstanding).toBe(1);
    expect(await readRest(body, pool)).toBe('aaaabbbbccc');
    expect(pool.outstanding).toBe(0);
  });

  it.each([0, 1, 4, 5, 11])(
    'gives the %i bytes that came before an abort, then rejects',
    async (count) => {
      const { res, body, pool } = bodyWith({ maxBuffers: 1 });
      const sent = 'abcdefghijk'.slice(0, count);
      res.push(sent);
      body.fail(new ClientGoneError());
      let got = '';
      const reading = (async () => {
        for (;;) {
          got += await readText(body, pool);
        }
      })();
      await expect(reading).rejects.toMatchObject({ code: 'CLIENT_GONE' });
      expect(got).toBe(sent);
      await expect(body.read()).rejects.toMatchObject({ code: 'CLIENT_GONE' });
      expect(pool.outstanding).toBe(0);
    },
  );

  it('rejects a read that waits when the client goes', async () => {
    const { body } = bodyWith({});
    const reading = body.read();
    body.fail(new ClientGoneError());
    await expect(reading).rejects.toMatchObject({ code: 'CLIENT_GONE' });
  });

  it('gives its buffers back when cancelled, drops what still comes, and may be cancelled again', async () => {
    const { res, body, pool } = bodyWith({ maxBuffers: 2 });
    res.push('aaaabbbbcc');
    body.cancel();
    expect(pool.outstanding).toBe(0);
    expect(res.isPaused).toBe(false);
    res.push('more');
    body.cancel();
    expect(pool.outstanding).toBe(0);
    expect(body.receivedBytes).toBe(14);
    await expect(body.read()).rejects.toMatchObject({ code: 'CLIENT_GONE' });
  });

  it('stops reading after it dropped its fill', () => {
    const { res, body } = bodyWith({});
    body.cancel();
    res.push('x'.repeat(1024 * 1024));
    expect(res.isPaused).toBe(false);
    res.push('x');
    expect(res.isPaused).toBe(true);
  });
});
