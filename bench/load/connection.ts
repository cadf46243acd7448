/**
 * A lean HTTP/1.1 client on one keep-alive connection, one request at a time: as little work as can be, since it
 * shares the machine with the server it measures. It counts bodies and keeps them only when asked.
 */

import { connect, type Socket } from 'node:net';

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
  /** Whether the reply's body is handed over; else it is only counted. */
  readonly keepsBody?: boolean;
}

export interface RequestBody {
  readonly sizeBytes: number;
  /** Pieces may be the same buffer again and again: they are sent before the next reply, never changed. */
  parts(): Iterable<Buffer>;
}

export interface Response {
  readonly status: number;
  /** Status line and headers as they came. */
  readonly head: string;
  readonly bodyBytes: number;
  readonly body: Buffer;
}

interface Waiting {
  readonly request: Request;
  readonly resolve: (response: Response) => void;
  readonly reject: (error: Error) => void;
}

/** Where the reply's next byte belongs. `chunk…` states are for replies without a known length. */
type Part = 'head' | 'body' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer';

const defaultReadBytes = 64 * 1024;
/** Bodies up to this size go out in one write with their head. */
const oneWriteBytes = 128 * 1024;
const headPieceBytes = 8192;
const maxHeadBytes = 64 * 1024;
const empty = Buffer.alloc(0);

export class Connection {
  /** Body bytes received so far, also of a reply that is still coming. */
  receivedBytes = 0;
  readonly #host: string;
  readonly #socket: Socket;
  #waiting: Waiting | undefined;
  #failure: Error | undefined;
  #part: Part = 'head';
  #text = '';
  #head = '';
  #left = 0;
  #bodyBytes = 0;
  #kept: Buffer[] = [];

  constructor(port: number, readBytes: number = defaultReadBytes) {
    this.#host = `127.0.0.1:${port}`;
    this.#socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      // One buffer for all reads: a fresh one for each would cost more than the parsing.
      onread: {
        buffer: Buffer.allocUnsafe(readBytes),
        callback: (length, buffer) => {
          this.#take(Buffer.from(buffer.buffer, buffer.byteOffset, length));
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('connection closed by the server')));
  }

  get isOpen(): boolean {
    return this.#failure === undefined;
  }

  /** Sends a request and waits for the whole reply. Rejects when the connection ends first. */
  request(request: Request): Promise<Response> {
    if (this.#waiting !== undefined) {
      return Promise.reject(new Error('a connection takes one request at a time'));
    }
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#waiting = { request, resolve, reject };
      this.#send(request);
    });
  }

  close(): void {
    this.#failure ??= new Error('connection closed');
    this.#socket.destroy();
    this.#fail(this.#failure);
  }

  #send({ method, path, headers = {}, body }: Request): void {
    let head = `${method} ${path} HTTP/1.1\r\nHost: ${this.#host}\r\n`;
    for (const [name, value] of Object.entries(headers)) {
      head += `${name}: ${value}\r\n`;
    }
    if (body !== undefined || (method !== 'GET' && method !== 'HEAD')) {
      head += `Content-Length: ${body?.sizeBytes ?? 0}\r\n`;
    }
    head += '\r\n';
    if (body === undefined) {
      this.#socket.write(head, 'latin1');
    } else if (body.sizeBytes <= oneWriteBytes) {
      // In one call to the system, and without a copy: a fresh buffer of a layer's size costs more than its sending.
      this.#socket.cork();
      this.#socket.write(Buffer.from(head, 'latin1'));
      for (const part of body.parts()) {
        this.#socket.write(part);
      }
      this.#socket.uncork();
    } else {
      this.#socket.write(head, 'latin1');
      this.#sendParts(body.parts()[Symbol.iterator]());
    }
  }

  #sendParts(parts: Iterator<Buffer>): void {
    for (let next = parts.next(); next.done !== true; next = parts.next()) {
      if (this.#failure !== undefined) {
        return;
      }
      if (!this.#socket.write(next.value)) {
        this.#socket.once('drain', () => this.#sendParts(parts));
        return;
      }
    }
  }

  #take(data: Buffer): void {
    let at = 0;
    while (at < data.length) {
      at = this.#part === 'head' ? this.#takeHead(data, at) : this.#takeBody(data, at);
    }
  }

  #takeHead(data: Buffer, at: number): number {
    const known = this.#text.length;
    this.#text += data.toString('latin1', at, at + headPieceBytes);
    const end = this.#text.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.#text.length > maxHeadBytes) {
        this.#fail(new Error('reply without an end of its head'));
        return data.length;
      }
      return at + this.#text.length - known;
    }
    this.#head = this.#text.slice(0, end + 2);
    this.#text = '';
    this.#startBody();
    return at + end + 4 - known;
  }

  #startBody(): void {
    const status = statusOf(this.#head);
    if (status < 200) {
      return;
    }
    if (this.#waiting?.request.method === 'HEAD' || status === 204 || status === 304) {
      this.#finish();
    } else if (/\r\ntransfer-encoding: *chunked\r\n/i.test(this.#head)) {
      this.#part = 'chunk-size';
    } else {
      this.#left = Number(headerOf(this.#head, 'content-length') ?? 0);
      this.#part = 'body';
      if (this.#left === 0) {
        this.#finish();
      }
    }
  }

  #takeBody(data: Buffer, at: number): number {
    if (this.#part === 'body' || this.#part === 'chunk') {
      const end = Math.min(data.length, at + this.#left);
      this.#count(data, at, end);
      this.#left -= end - at;
      if (this.#left === 0) {
        if (this.#part === 'body') {
          this.#finish();
        } else {
          this.#part = 'chunk-end';
        }
      }
      return end;
    }
    const newline = data.indexOf(10, at);
    this.#text += data.toString('latin1', at, newline < 0 ? data.length : newline);
    if (newline < 0) {
      return data.length;
    }
    this.#takeLine(this.#text.trim());
    this.#text = '';
    return newline + 1;
  }

  #takeLine(line: string): void {
    if (this.#part === 'chunk-end') {
      this.#part = 'chunk-size';
    } else if (this.#part === 'trailer') {
      if (line === '') {
        this.#finish();
      }
    } else {
      this.#left = Number.parseInt(line, 16);
      this.#part = this.#left === 0 ? 'trailer' : 'chunk';
    }
  }

  #count(data: Buffer, at: number, end: number): void {
    this.receivedBytes += end - at;
    this.#bodyBytes += end - at;
    if (this.#waiting?.request.keepsBody === true) {
      this.#kept.push(Buffer.from(data.subarray(at, end)));
    }
  }

  #finish(): void {
    const waiting = this.#waiting;
    const response: Response = {
      status: statusOf(this.#head),
      head: this.#head,
      bodyBytes: this.#bodyBytes,
      body: this.#kept.length === 0 ? empty : Buffer.concat(this.#kept),
    };
    this.#waiting = undefined;
    this.#part = 'head';
    this.#bodyBytes = 0;
    this.#kept = [];
    waiting?.resolve(response);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(this.#failure);
  }
}

/** A header of a reply's head, `undefined` when absent. */
export function headerOf(head: string, name: string): string | undefined {
  const at = head.toLowerCase().indexOf(`\r\n${name.toLowerCase()}:`);
  if (at < 0) {
    return undefined;
  }
  const start = at + name.length + 3;
  return head.slice(start, head.indexOf('\r\n', start)).trim();
}

function statusOf(head: string): number {
  return Number(head.slice(9, 12));
}
