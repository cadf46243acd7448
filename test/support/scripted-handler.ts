/** A RequestHandler whose replies a test writes per path, and which remembers how each exchange finished. */

import { createHash } from 'node:crypto';
import type { ByteSource } from '../../src/bytes.ts';
import type { Exchange, Reply, RequestHandler } from '../../src/http/exchange.ts';

export type Script = (exchange: Exchange) => Reply | Promise<Reply>;

export interface Finish {
  readonly exchange: Exchange;
  readonly reply: Reply | undefined;
  readonly sentBytes: number;
}

export class ScriptedHandler implements RequestHandler {
  readonly handledPaths: string[] = [];
  readonly #scripts = new Map<string, Script>();
  readonly #finishes = new Map<string, Finish>();
  readonly #waiters = new Map<string, (finish: Finish) => void>();

  on(path: string, script: Script): void {
    this.#scripts.set(path, script);
  }

  handle(exchange: Exchange): Reply | Promise<Reply> {
    this.handledPaths.push(exchange.path);
    const script = this.#scripts.get(exchange.path);
    return script === undefined
      ? { status: 404, headers: [['Content-Type', 'text/plain']], body: 'no script' }
      : script(exchange);
  }

  finished(exchange: Exchange, reply: Reply | undefined, sentBytes: number): void {
    const finish = { exchange, reply, sentBytes };
    this.#finishes.set(exchange.path, finish);
    this.#waiters.get(exchange.path)?.(finish);
  }

  /** How the exchange on `path` finished, once it has. */
  finishOf(path: string): Promise<Finish> {
    const finish = this.#finishes.get(path);
    return finish !== undefined
      ? Promise.resolve(finish)
      : new Promise((resolve) => this.#waiters.set(path, resolve));
  }
}

export function text(status: number, body: string): Reply {
  return { status, headers: [['Content-Type', 'text/plain']], body };
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Reads the whole body and answers with its size and digest, as `size digest`. */
export async function digestBody(exchange: Exchange): Promise<Reply> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for (;;) {
    const piece = await exchange.body.read();
    if (piece === undefined) {
      return text(200, `${sizeBytes} ${hash.digest('hex')}`);
    }
    sizeBytes += piece.length;
    hash.update(piece);
    exchange.body.pool.give(piece);
  }
}

/** A promise with its handles outside; Node 20 has no Promise.withResolvers. */
export interface Gate<T = void> {
  readonly promise: Promise<T>;
  open(value: T): void;
}

export function gate<T = void>(): Gate<T> {
  let open: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

/** Serves bytes in pieces of `pieceBytes`, reusing one buffer as the contract of ByteSource permits. */
export class PiecewiseSource implements ByteSource {
  readonly cancelled: Gate<unknown> = gate<unknown>();
  readBytes = 0;
  readonly #bytes: Buffer;
  readonly #piece: Buffer;

  constructor(bytes: Buffer, pieceBytes: number) {
    this.#bytes = bytes;
    this.#piece = Buffer.alloc(pieceBytes);
  }

  async read(): Promise<Uint8Array | undefined> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#piece.fill(0xee);
    const copied = this.#bytes.copy(this.#piece, 0, this.readBytes);
    this.readBytes += copied;
    return copied === 0 ? undefined : this.#piece.subarray(0, copied);
  }

  cancel(reason?: unknown): void {
    this.cancelled.open(reason);
  }
}
