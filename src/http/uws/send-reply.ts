/**
 * Puts a Reply on the wire of a uWS response. Every write is corked, and nothing is touched after the connection
 * ended. Replies in memory go out in one call; sources piece by piece as the client reads.
 */

import { STATUS_CODES } from 'node:http';
import { type ByteSource, bytesSource } from '../../bytes.ts';
import type { Reply } from '../exchange.ts';
import type { UwsExchange } from './exchange.ts';
import type { UwsResponse } from './types.ts';

/** Larger bodies wait for the client piece by piece, since uWS would copy what the socket does not take. */
const maxOneShotBytes = 64 * 1024;

const nothing = new Uint8Array(0);

const lineBreak = /[\r\n]/;
const lineBreaks = /[\r\n]+/g;

const statusLines = new Map<number, string>();

function statusLine(status: number): string {
  let line = statusLines.get(status);
  if (line === undefined) {
    line = `${status} ${STATUS_CODES[status] ?? 'Unknown'}`;
    statusLines.set(status, line);
  }
  return line;
}

/** True when the reply can be sent at once by `sendOneShot`. */
export function isOneShot(reply: Reply, method: string): boolean {
  const { status, body } = reply;
  return (
    body === undefined ||
    typeof body === 'string' ||
    (body instanceof Uint8Array && body.length <= maxOneShotBytes) ||
    ('sizeBytes' in reply && reply.sizeBytes === 0) ||
    isBodiless(method, status)
  );
}

function isBodiless(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304;
}

/** Must run corked. Gives the number of body bytes sent. */
export function sendOneShot(
  res: UwsResponse,
  method: string,
  reply: Reply,
  isLast: boolean,
): number {
  if (isBodiless(method, reply.status)) {
    sendWithoutBody(res, method, reply, isLast);
    return 0;
  }
  writeHead(res, reply, isLast);
  if (reply.body === undefined || 'sizeBytes' in reply) {
    dropReply(reply);
    res.end('', isLast);
    return 0;
  }
  res.end(reply.body, isLast);
  return Buffer.byteLength(reply.body);
}

function sendWithoutBody(res: UwsResponse, method: string, reply: Reply, isLast: boolean): void {
  writeBodilessHead(res, method, reply, isLast);
  if (isLast) {
    res.writeHeader('Connection', 'close');
  }
  res.endWithoutBody();
}

function writeBodilessHead(res: UwsResponse, method: string, reply: Reply, isLast: boolean): void {
  dropReply(reply);
  writeHead(res, reply, isLast);
  // Not endWithoutBody(length): it leaves the response open, and the connection's next request is then cut off.
  const length = isBodiless(method, reply.status) ? headLength(reply, method) : '0';
  if (length !== undefined) {
    res.writeHeader('Content-Length', length);
  }
}

function headLength(reply: Reply, method: string): string | undefined {
  if (reply.status === 204) {
    return undefined;
  }
  for (const [name, value] of reply.headers) {
    if (isContentLength(name)) {
      return value;
    }
  }
  if (method !== 'HEAD' || reply.body === undefined) {
    return undefined;
  }
  if ('sizeBytes' in reply) {
    return String(reply.sizeBytes);
  }
  return String(Buffer.byteLength(reply.body));
}

function writeHead(res: UwsResponse, reply: Reply, isLast: boolean): void {
  res.writeStatus(statusLine(reply.status));
  for (const [name, value] of reply.headers) {
    if (!isContentLength(name)) {
      // uWS writes values as they are: a line break in one would end the header line.
      res.writeHeader(name, lineBreak.test(value) ? value.replace(lineBreaks, ' ') : value);
    }
  }
  if (!isLast) {
    // uWS closes idle connections after 8 to 12 s; clients and proxies that heed this never meet that.
    res.writeHeader('Keep-Alive', 'timeout=8');
  }
}

function isContentLength(name: string): boolean {
  return name.length === 14 && name.toLowerCase() === 'content-length';
}

/** Gives a reply's body back unread, when there is nobody to send it to. */
export function dropReply(reply: Reply, reason?: unknown): void {
  if ('sizeBytes' in reply) {
    reply.body.cancel(reason);
  }
}

/** What became of a streamed body. */
export interface Sent {
  readonly bytes: number;
  /** Why the connection had to be cut although the client was there. */
  readonly failure: unknown;
}

/** What happens to the connection after a reply; `held`: the response stays open for whoever closes the connection. */
export type Afterwards = 'goes on' | 'closes' | 'held';

/**
 * Sends a whole reply, and has uWS believe that more is to come: a response that it takes for finished can be neither
 * read from nor closed. The caller closes the connection.
 */
export async function sendHeld(exchange: UwsExchange, reply: Reply): Promise<Sent> {
  const { res, method } = exchange;
  const isEmpty = isBodiless(method, reply.status) || sizeOf(reply) === 0;
  if (!isEmpty) {
    return await sendStream(exchange, reply, 'held');
  }
  res.cork(() => {
    writeBodilessHead(res, method, reply, true);
    res.writeHeader('Date', new Date().toUTCString());
    // uWS writes a value as it is: this one's line break ends the head, which only `end` would do otherwise.
    res.writeHeader('Connection', 'close\r\n');
  });
  return { bytes: 0, failure: undefined };
}

/** Sends a body piece by piece, holding one piece at a time; resolves when all is sent or the connection is gone. */
export async function sendStream(
  exchange: UwsExchange,
  reply: Reply,
  afterwards: Afterwards,
): Promise<Sent> {
  const { source, sizeBytes } = sourceOf(reply);
  const sender = new StreamSender(exchange, reply, sizeBytes, afterwards);
  exchange.onGone = () => {
    source.cancel(exchange.goneReason);
    sender.release();
  };
  let failure: unknown;
  try {
    while (!exchange.isGone && sender.sentBytes < sizeBytes) {
      const piece = await source.read();
      if (piece === undefined) {
        throw new RangeError(`body ended after ${sender.sentBytes} of ${sizeBytes} bytes`);
      }
      if (!exchange.isGone) {
        await sender.send(piece);
      }
    }
    if (!exchange.isGone) {
      // The add-on copies what the system does not take: every piece is done with.
      source.release?.();
    }
  } catch (error) {
    if (!exchange.isGone) {
      failure = error;
      exchange.cut(error);
    }
  } finally {
    exchange.onGone = undefined;
    source.cancel(exchange.goneReason);
  }
  return { bytes: sender.sentBytes, failure };
}

function sizeOf(reply: Reply): number {
  return 'sizeBytes' in reply ? reply.sizeBytes : Buffer.byteLength(reply.body ?? '');
}

function sourceOf(reply: Reply): { readonly source: ByteSource; readonly sizeBytes: number } {
  if ('sizeBytes' in reply) {
    return { source: reply.body, sizeBytes: reply.sizeBytes };
  }
  const bytes = typeof reply.body === 'string' ? Buffer.from(reply.body) : reply.body;
  const whole = bytes ?? new Uint8Array(0);
  return { source: bytesSource(whole), sizeBytes: whole.length };
}

class StreamSender {
  sentBytes = 0;
  readonly #exchange: UwsExchange;
  readonly #reply: Reply;
  readonly #sizeBytes: number;
  readonly #afterwards: Afterwards;
  #hasHead = false;
  #rest: Uint8Array | undefined;
  #release: (() => void) | undefined;

  constructor(exchange: UwsExchange, reply: Reply, sizeBytes: number, afterwards: Afterwards) {
    this.#exchange = exchange;
    this.#reply = reply;
    this.#sizeBytes = sizeBytes;
    this.#afterwards = afterwards;
    exchange.res.onWritable(() => this.#onWritable());
  }

  /** Resolves when uWS took the whole piece, or the connection is gone. */
  async send(piece: Uint8Array): Promise<void> {
    const room = this.#sizeBytes - this.sentBytes;
    this.#rest = piece.length > room ? piece.subarray(0, room) : piece;
    if (!this.#push()) {
      this.#exchange.isSendBlocked = true;
      this.#exchange.progressAtMs = Date.now();
      await new Promise<void>((resolve) => {
        this.#release = resolve;
      });
      this.#exchange.isSendBlocked = false;
    }
  }

  /** Ends a wait for the client, because it is gone. */
  release(): void {
    this.#release?.();
    this.#release = undefined;
  }

  #onWritable(): boolean {
    if (this.#exchange.isGone) {
      return true;
    }
    const isTaken = this.#push();
    if (isTaken) {
      this.release();
    }
    return isTaken;
  }

  /** Offers what is left of the piece; true when uWS took all of it. */
  #push(): boolean {
    const rest = this.#rest;
    if (rest === undefined) {
      return true;
    }
    const { res } = this.#exchange;
    let isAccepted = false;
    res.cork(() => {
      if (!this.#hasHead) {
        this.#hasHead = true;
        this.#writeHead(res);
      }
      // uWS takes a response for finished once it has sent the total named in that very call.
      const isHeld = this.#afterwards === 'held';
      const [accepted, done] = res.tryEnd(rest, isHeld ? this.#sizeBytes + 1 : this.#sizeBytes);
      isAccepted = accepted || done;
      const takenBytes = isAccepted ? rest.length : res.getWriteOffset() - this.sentBytes;
      if (takenBytes > 0) {
        this.sentBytes += takenBytes;
        this.#exchange.progressAtMs = Date.now();
      }
      this.#rest = isAccepted ? undefined : rest.subarray(takenBytes);
    });
    return isAccepted;
  }

  #writeHead(res: UwsResponse): void {
    const isLast = this.#afterwards !== 'goes on';
    writeHead(res, this.#reply, isLast);
    if (isLast) {
      res.writeHeader('Connection', 'close');
    }
    if (this.#afterwards === 'held') {
      // The first call writes Content-Length.
      res.tryEnd(nothing, this.#sizeBytes);
    }
  }
}
