/** A small HTTP/1.1 client for tests, with TLS when the agent has it: one call, the whole reply. */

import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { Readable } from 'node:stream';

export interface CallOptions {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string | string[]>;
  /** A Buffer goes with Content-Length, an iterable in chunked coding. */
  readonly body?: Buffer | Iterable<Buffer> | AsyncIterable<Buffer>;
  readonly agent?: Agent;
}

export interface CallReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Local port of the connection used: the same twice means it was kept alive. */
  readonly localPort: number | undefined;
}

export function call(port: number, options: CallOptions): Promise<CallReply> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', path, headers = {}, body, agent } = options;
    const lengthHeader = Buffer.isBuffer(body) ? { 'content-length': String(body.length) } : {};
    const start = agent instanceof TlsAgent ? tlsRequest : request;
    const outgoing = start(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        headers: { ...lengthHeader, ...headers },
        agent: agent ?? false,
      },
      (message) => {
        const localPort = message.socket.localPort;
        readMessage(message).then(
          (bytes) =>
            resolve({
              status: message.statusCode ?? 0,
              headers: message.headers,
              body: bytes,
              localPort,
            }),
          reject,
        );
      },
    );
    outgoing.once('error', reject);
    if (body === undefined || Buffer.isBuffer(body)) {
      outgoing.end(body);
    } else {
      Readable.from(body, { objectMode: false }).pipe(outgoing);
    }
  });
}

export async function readMessage(message: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of message) {
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces);
}

/** One connection, used again and again. */
export function keepAliveAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 1 });
}
