import { once } from 'node:events';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { fieldValue, type ReplySink, sendReply } from '../../../native-free/send-reply.ts';
import type { ByteSource } from '../../../src/bytes.ts';
import type { Reply } from '../../../src/http/exchange.ts';

interface Sent {
  readonly sink: ReplySink;
  readonly stream: Writable;
  /** What the client got. */
  readonly received: () => string;
  readonly headers: Record<string, string>;
  readonly cuts: Error[];
}

/** Stands in for both protocols' sinks, whose own tests run over sockets: here it is the order of steps that counts. */
function aSink(takesWrites = true): Sent {
  let received = '';
  // As a socket: bytes are taken some time after the write, and the callback says when.
  const stream = new Writable({
    write(chunk, _encoding, done): void {
      if (!takesWrites) return;
      setImmediate(() => {
        received += chunk;
        done();
      });
    },
  });
  const headers: Record<string, string> = {};
  const cuts: Error[] = [];
  const sink: ReplySink = {
    stream,
    isInSteps: false,
    prepare: () => Promise.resolve(),
    isWhole: () => stream.writableFinished,
    head(_status, pairs, body): void {
      for (const [name, value] of pairs) headers[name.toLowerCase()] = value;
      if (body !== undefined) stream.end(body);
    },
    beforeEnd: () => Promise.resolve(),
    cut(reason): void {
      cuts.push(reason);
      stream.destroy();
    },
  };
  return { sink, stream, received: () => received, headers, cuts };
}

/** One buffer used again and again, as the contract of ByteSource allows. */
function reusingSource(pieces: string[]): ByteSource & { cancels: number } {
  const buffer = Buffer.alloc(64);
  return {
    cancels: 0,
    read(): Promise<Uint8Array | undefined> {
      const piece = pieces.shift();
      if (piece === undefined) return Promise.resolve(undefined);
      buffer.fill('#');
      return Promise.resolve(buffer.subarray(0, buffer.write(piece)));
    },
    cancel(): void {
      this.cancels += 1;
    },
  };
}

describe('sendReply', () => {
  it('never asks for the next piece before the last one left', async () => {
    const { sink, received, headers } = aSink();
    const source = reusingSource(['first ', 'second ', 'third']);
    const reply: Reply = { status: 200, headers: [], body: source, sizeBytes: 18 };
    await sendReply(sink, reply, 'GET', () => {});
    expect(received()).toBe('first second third');
    expect(headers['content-length']).toBe('18');
    expect(source.cancels).toBe(1);
  });

  it.each([
    ['ends early', ['short'], 9],
    ['gives too much', ['far too long'], 5],
  ])('cuts when the source %s', async (_, pieces, sizeBytes) => {
    const { sink, cuts } = aSink();
    const source = reusingSource(pieces);
    const reply: Reply = { status: 200, headers: [], body: source, sizeBytes };
    await expect(sendReply(sink, reply, 'GET', () => {})).rejects.toMatchObject({
      code: 'REPLY_CUT',
    });
    expect(cuts).toHaveLength(1);
    expect(source.cancels).toBe(1);
  });

  it.each(['a read', 'a write'])('gives up when the client goes during %s', async (step) => {
    const { sink, stream } = aSink(false);
    const source = reusingSource(step === 'a read' ? [] : ['never taken', 'x']);
    if (step === 'a read') source.read = () => new Promise(() => {});
    const reply: Reply = { status: 200, headers: [], body: source, sizeBytes: 12 };
    const done = sendReply(sink, reply, 'GET', () => {});
    setImmediate(() => stream.destroy());
    await expect(done).rejects.toMatchObject({ code: 'CLIENT_GONE' });
    expect(source.cancels).toBe(1);
  });

  it('reads nothing of a source for HEAD', async () => {
    const { sink, stream, headers } = aSink();
    const source = reusingSource(['never read']);
    source.read = () => Promise.reject(new Error('read'));
    const reply: Reply = { status: 200, headers: [], body: source, sizeBytes: 10 };
    await sendReply(sink, reply, 'HEAD', () => {});
    if (!stream.writableFinished) await once(stream, 'finish');
    expect(headers['content-length']).toBe('10');
    expect(source.cancels).toBe(1);
  });
});

describe('header values', () => {
  it('cannot end their line', () => {
    expect(fieldValue('a\r\nSet-Cookie: x\0')).toBe('a  Set-Cookie: x ');
  });

  it('go out as UTF-8', () => {
    expect(Buffer.from(fieldValue('blåbær 漢'), 'latin1').toString('utf8')).toBe('blåbær 漢');
  });

  it('are left alone when they are plain', () => {
    expect(fieldValue('Bearer realm="x",\tscope="y"')).toBe('Bearer realm="x",\tscope="y"');
  });
});
