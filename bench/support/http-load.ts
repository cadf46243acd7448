/** Clients that keep a number of requests open against one server, over HTTP/1.1, TLS or HTTP/2, and count what they got. */

import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import type { Readable } from 'node:stream';

export type Protocol = 'http/1.1' | 'tls http/1.1' | 'tls http/2';

export interface SendOptions {
  readonly contentType?: string;
  /** Does not say how long the body is, as docker's pushes do not. */
  readonly isLengthHidden?: boolean;
}

export interface LoadClient {
  /** Status and the number of body bytes, which are dropped as they come. */
  send(
    method: string,
    path: string,
    body?: Buffer,
    options?: SendOptions,
  ): Promise<{ status: number; bytes: number }>;
  close(): void;
}

const octets = 'application/octet-stream';
const http2Sessions = 4;
/** As container clients set it: the default of 64 KiB would measure the round trips. */
const http2WindowBytes = 16 * 1024 * 1024;

export async function openClient(protocol: Protocol, port: number): Promise<LoadClient> {
  return protocol === 'tls http/2' ? await http2Client(port) : http1Client(protocol, port);
}

function http1Client(protocol: Protocol, port: number): LoadClient {
  const isTls = protocol === 'tls http/1.1';
  const agent = isTls
    ? new TlsAgent({ keepAlive: true, rejectUnauthorized: false })
    : new Agent({ keepAlive: true });
  const start = isTls ? tlsRequest : request;
  return {
    send: (method, path, body, options) =>
      new Promise((resolve, reject) => {
        const headers = body === undefined ? {} : bodyHeaders(body, options);
        if (options?.isLengthHidden) headers['transfer-encoding'] = 'chunked';
        const target = { host: '127.0.0.1', port, method, path, agent, headers };
        const outgoing = start(target, (message: IncomingMessage) => {
          drop(message).then(
            (bytes) => resolve({ status: message.statusCode ?? 0, bytes }),
            reject,
          );
        });
        outgoing.once('error', reject);
        outgoing.end(body);
      }),
    close: () => agent.destroy(),
  };
}

async function http2Client(port: number): Promise<LoadClient> {
  const sessions: ClientHttp2Session[] = [];
  for (let count = 0; count < http2Sessions; count += 1) {
    const session = connect(`https://127.0.0.1:${port}`, {
      rejectUnauthorized: false,
      settings: { initialWindowSize: http2WindowBytes },
    });
    await once(session, 'connect');
    session.setLocalWindowSize(http2WindowBytes);
    sessions.push(session);
  }
  let turn = 0;
  return {
    async send(method, path, body, options) {
      const session = sessions[turn++ % http2Sessions] as ClientHttp2Session;
      const fields = body === undefined ? {} : bodyHeaders(body, options);
      const headers = { ':method': method, ':path': path, ...fields };
      const stream = session.request(headers, { endStream: body === undefined });
      if (body !== undefined) stream.end(body);
      const [answer] = await once(stream, 'response');
      const status = Number((answer as Record<string, unknown>)[':status']);
      return { status, bytes: await drop(stream) };
    },
    close: () => {
      for (const session of sessions) session.destroy();
    },
  };
}

/** The length also over HTTP/2, as Go's clients send it: without it the server must take the body for a large one. */
function bodyHeaders(body: Buffer, options: SendOptions = {}): Record<string, string | number> {
  const { contentType = octets, isLengthHidden = false } = options;
  return {
    'content-type': contentType,
    ...(isLengthHidden ? {} : { 'content-length': body.length }),
  };
}

function drop(source: Readable): Promise<number> {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    source.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    source.once('end', () => resolve(bytes));
    source.once('error', reject);
  });
}

/** Runs `step` in so many loops side by side until the time is up; gives the sum of what the steps returned. */
export async function repeatFor(
  durationMs: number,
  concurrency: number,
  step: () => Promise<number>,
): Promise<{ total: number; seconds: number }> {
  const startMs = performance.now();
  let total = 0;
  async function loop(): Promise<void> {
    while (performance.now() - startMs < durationMs) {
      // Not `total += await`: that adds to the total of before the wait, and the other loops' steps are lost.
      const done = await step();
      total += done;
    }
  }
  await Promise.all(Array.from({ length: concurrency }, loop));
  return { total, seconds: (performance.now() - startMs) / 1000 };
}
