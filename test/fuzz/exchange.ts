/** One raw request on a connection of its own, and what is wrong with the reply, if anything. */

import { connect } from 'node:net';
import type { RawRequest } from './requests.ts';

/** Longer is a hang; generous, for a loaded machine. */
const patienceMs = 30_000;

/** The status, or `none` without a reply, and the fault. */
export async function tryRequest(
  port: number,
  request: RawRequest,
  target: string,
): Promise<{ status: string; fault: string | undefined }> {
  const outcome = await exchange(port, request, target);
  return typeof outcome === 'string'
    ? { status: 'none', fault: outcome }
    : { status: String(outcome.status), fault: judge(request, outcome) };
}

interface RawReply {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** All that came after the head. */
  readonly rest: Buffer;
}

function exchange(port: number, request: RawRequest, target: string): Promise<RawReply | string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let received = Buffer.alloc(0);
    const finish = (outcome: RawReply | string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => finish(`hang after ${received.length} bytes`), patienceMs);
    const look = (isEnd: boolean): void => {
      const reply = parse(received);
      if (reply === undefined) {
        if (isEnd) {
          finish(received.length === 0 ? 'connection cut' : 'reply cut in its head');
        }
        return;
      }
      const hasBody = request.method !== 'HEAD' && reply.status !== 204 && reply.status !== 304;
      const length = hasBody ? Number(reply.headers.get('content-length') ?? 0) : 0;
      if (reply.rest.length >= length) {
        // A turn more, so that a second document right behind the first is seen.
        setImmediate(() => finish(parse(received) ?? reply));
      } else if (isEnd) {
        finish(`body cut: ${reply.rest.length} of ${length}`);
      }
    };
    socket.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      look(false);
    });
    socket.on('end', () => look(true));
    socket.on('error', () => look(true));
    socket.write(printed(request, target));
  });
}

function printed({ method, headers, body, isChunked }: RawRequest, target: string): Buffer {
  const lines = [
    `${method} ${target} HTTP/1.1`,
    'Host: fuzz.test',
    ...headers.map(([name, value]) => `${name}: ${value}`),
    isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`,
  ];
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  if (!isChunked) {
    return Buffer.concat([head, body]);
  }
  const chunk =
    body.length === 0
      ? []
      : [Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')];
  return Buffer.concat([head, ...chunk, Buffer.from('0\r\n\r\n')]);
}

function parse(bytes: Buffer): RawReply | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) {
    return undefined;
  }
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { status: Number(first.split(' ')[1]), headers, rest: bytes.subarray(end + 4) };
}

function judge(request: RawRequest, { status, headers, rest }: RawReply): string | undefined {
  if (status >= 500 || !(status >= 200)) {
    return `status ${status}: ${rest.toString('latin1').slice(0, 200)}`;
  }
  if (status === 400 && headers.get('connection') === 'close') {
    // A request that the parser gave up on: it knows no method, so a HEAD has a body too.
    return undefined;
  }
  const mayHaveNoLength = status === 204 || status === 304;
  const length = headers.get('content-length');
  if (length === undefined && !mayHaveNoLength) {
    return `no Content-Length with ${status}`;
  }
  const isBodiless = request.method === 'HEAD' || mayHaveNoLength;
  if (rest.length !== (isBodiless ? 0 : Number(length))) {
    return `${rest.length} bytes of body, ${isBodiless ? 'none' : length} announced, with ${status}`;
  }
  if (!isBodiless && headers.get('content-type') === 'application/json') {
    try {
      JSON.parse(rest.toString('utf8'));
    } catch {
      return `not one JSON document with ${status}: ${rest.toString('latin1').slice(0, 200)}`;
    }
  }
  if (
    status >= 400 &&
    !isBodiless &&
    status !== 412 &&
    status !== 416 &&
    headers.get('content-type') !== 'application/json'
  ) {
    return `no envelope with ${status}: ${rest.toString('latin1').slice(0, 100)}`;
  }
  return undefined;
}
