/**
 * Sends a Reply over a Node response stream. `ReplySink` hides what differs between HTTP/1 and HTTP/2;
 * order of headers, lengths, back-pressure and the treatment of short sources are decided here, once.
 */

import type { Writable } from 'node:stream';
import { type ByteSource, bytesSource } from '../src/bytes.ts';
import { ClientGoneError, CodedError } from '../src/errors.ts';
import type { Reply } from '../src/http/exchange.ts';

export type HeaderPairs = (readonly [name: string, value: string])[];

/** The response side of one exchange. */
export interface ReplySink {
  /** Where body bytes go. */
  readonly stream: Writable;
  /** Bodies go out in small steps, since only the end of a write tells that the client moved. */
  readonly isInSteps: boolean;
  /** Called once before `head`: a chance to deal with a request body that nobody read. */
  prepare(): Promise<void>;
  /** Sends status and headers; with a body given, all of the response. */
  head(status: number, headers: HeaderPairs, body?: Uint8Array | string): void;
  /** True once every byte of a response sent by `head` alone is with the system. */
  isWhole(): boolean;
  /** Called when all body bytes are with the stream and before it is ended. */
  beforeEnd(): Promise<void>;
  /** Breaks the response off so that the client can tell it is not whole. */
  cut(reason: Error): void;
}

/**
 * Sends `reply` to the end.
 *
 * @param onSent Called with the count of each piece of body that the stream took.
 * @throws ClientGoneError when the connection ended meanwhile; `REPLY_CUT` when the source failed or came up short.
 */
export async function sendReply(
  sink: ReplySink,
  reply: Reply,
  method: string,
  onSent: (bytes: number) => void,
): Promise<void> {
  const { body } = reply;
  const headers = reply.headers.map(([name, value]) => [name, fieldValue(value)] as const);
  let source: ByteSource;
  let sizeBytes: number;
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    sizeBytes = body === undefined ? 0 : Buffer.byteLength(body);
    const isBodiless = body === undefined || method === 'HEAD' || sizeBytes === 0;
    if (isBodiless || !sink.isInSteps || sizeBytes <= smallestStepBytes) {
      addLength(headers, reply, method, sizeBytes);
      sink.head(reply.status, headers, isBodiless ? '' : body);
      onSent(isBodiless ? 0 : sizeBytes);
      return;
    }
    source = bytesSource(typeof body === 'string' ? Buffer.from(body) : body);
  } else {
    source = body;
    sizeBytes = (reply as Extract<Reply, { sizeBytes: number }>).sizeBytes;
  }
  try {
    addLength(headers, reply, method, sizeBytes);
    if (method === 'HEAD' || sizeBytes === 0) {
      sink.head(reply.status, headers, '');
      return;
    }
    sink.head(reply.status, headers);
    await pump(source, sizeBytes, sink, onSent);
    await sink.beforeEnd();
    sink.stream.end();
  } catch (error) {
    sink.cut(error as Error);
    throw error;
  } finally {
    source.cancel();
  }
}

/** Copies exactly `sizeBytes`. A piece is released to its source only after the stream has passed it on. */
async function pump(
  source: ByteSource,
  sizeBytes: number,
  { stream, isInSteps }: ReplySink,
  onSent: (bytes: number) => void,
): Promise<void> {
  const gone = new GoneWatch(stream);
  const steps = new Steps();
  const write = async (bytes: Uint8Array): Promise<void> => {
    await gone.race<void>((resolve, reject) => {
      stream.write(bytes, (error) => (error ? reject(new ClientGoneError()) : resolve()));
    });
    onSent(bytes.length);
  };
  try {
    let leftBytes = sizeBytes;
    while (leftBytes > 0) {
      const piece = await gone.race<Uint8Array | undefined>((resolve, reject) => {
        source.read().then(resolve, (error) => reject(cutShort('source failed', error)));
      });
      if (piece === undefined) throw cutShort(`source ended ${leftBytes} bytes early`);
      if (piece.length > leftBytes) throw cutShort('source gave more bytes than announced');
      if (isInSteps) await steps.write(piece, write);
      else await write(piece);
      leftBytes -= piece.length;
    }
  } finally {
    gone.stop();
  }
}

const smallestStepBytes = 16 * 1024;
const largestStepBytes = 128 * 1024;
const slowStepMs = 250;

/**
 * Small steps for slow clients, so that they are seen to move, and larger ones, which cost less, for those that have
 * been fast for a while. Not at once: any client takes its first window in no time.
 */
class Steps {
  #fastBytes = 0;

  async write(piece: Uint8Array, write: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    for (let at = 0; at < piece.length; ) {
      const step = piece.subarray(at, at + this.#sizeBytes());
      const startMs = performance.now();
      await write(step);
      at += step.length;
      const isSlow = performance.now() - startMs > slowStepMs;
      this.#fastBytes = isSlow ? 0 : this.#fastBytes + step.length;
    }
  }

  #sizeBytes(): number {
    return Math.min(Math.max(smallestStepBytes, this.#fastBytes / 8), largestStepBytes);
  }
}

/** Ends whichever step is under way once the stream closes: Node may drop the callbacks of pending writes then. */
class GoneWatch {
  readonly #stream: Writable;
  #reject: ((error: Error) => void) | undefined;
  readonly #onClose = (): void => this.#reject?.(new ClientGoneError());

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.once('close', this.#onClose);
  }

  /** Not Promise.race on one long promise: that would keep every piece alive until the end. */
  race<T>(step: (resolve: (value: T) => void, reject: (error: Error) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      if (this.#stream.destroyed) reject(new ClientGoneError());
      else step(resolve, reject);
    });
  }

  stop(): void {
    this.#stream.removeListener('close', this.#onClose);
  }
}

function cutShort(message: string, cause?: unknown): CodedError {
  return new CodedError('REPLY_CUT', message, cause === undefined ? {} : { cause });
}

/** Anything that is not plain ASCII text. */
const unusualCharacter = /[^\t -~]/;

/** A value that cannot end its line: control characters become spaces; other scripts go out as UTF-8, as Go sends them. */
export function fieldValue(value: string): string {
  if (!unusualCharacter.test(value)) return value;
  const bytes = Buffer.from(value, 'utf8').map((byte) =>
    byte < 0x20 || byte === 0x7f ? 0x20 : byte,
  );
  return Buffer.from(bytes).toString('latin1');
}

/** Content-Length as the reply's kind asks for it, unless the handler set one (HEAD, 304). */
function addLength(headers: HeaderPairs, reply: Reply, method: string, sizeBytes: number): void {
  if (headers.some(([name]) => name.toLowerCase() === 'content-length')) return;
  const mayHaveNone = reply.status === 204 || reply.status === 304 || reply.status < 200;
  const isBodilessHead = method === 'HEAD' && reply.body === undefined;
  if (mayHaveNone || isBodilessHead) return;
  headers.push(['Content-Length', String(sizeBytes)]);
}
