/**
 * A real HTTP server that receives notifications and misbehaves on demand: answers any status, stalls, closes its
 * port and opens it again.
 */

import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export class HttpSink {
  /** Everything received in full, whatever was answered. */
  readonly received: Received[] = [];
  /** What was answered with a 2xx. */
  readonly accepted: Received[] = [];
  /** What the next requests get: a status, or `stall` for no answer until `release`. */
  answer: number | 'stall' = 200;
  /** Sent along with every answer. */
  headers: Record<string, string> = {};
  /** Body of every answer. */
  body = '';
  /** Accepted so far. */
  connections = 0;
  #server: Server | undefined;
  #port = 0;
  #stalled: ServerResponse[] = [];
  #waiters: { holds: () => boolean; resolve: () => void }[] = [];

  get url(): string {
    return `http://127.0.0.1:${this.#port}/events`;
  }

  /** Listens, on the same port as before when it was open once; on the first free one of `ports` when given. */
  async open(ports: readonly number[] = [this.#port]): Promise<this> {
    const server = createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        const received = {
          method: request.method ?? '',
          url: request.url ?? '',
          headers: request.headers,
          body: Buffer.concat(pieces).toString(),
        };
        this.received.push(received);
        if (this.answer === 'stall') {
          this.#stalled.push(response);
        } else {
          if (this.answer < 300) {
            this.accepted.push(received);
          }
          response.writeHead(this.answer, this.headers).end(this.body);
        }
        this.#wake();
      });
    });
    server.on('connection', () => {
      this.connections += 1;
    });
    this.#server = server;
    await listenOnFirst(server, ports);
    this.#port = (server.address() as AddressInfo).port;
    return this;
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server?.listening) {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  }

  /** Cuts every connection; the port stays open. */
  closeConnections(): void {
    this.#server?.closeAllConnections();
  }

  /** Answers all stalled requests with 200 and stalls no more. */
  release(): void {
    this.answer = 200;
    for (const response of this.#stalled.splice(0)) {
      response.writeHead(200).end();
    }
  }

  /** Resolves when `holds` does; looked at after each request. */
  until(holds: () => boolean): Promise<void> {
    if (holds()) {
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiters.push({ holds, resolve }));
  }

  /** Event ids in the order accepted. */
  acceptedIds(): string[] {
    return this.accepted.map(({ body }) => JSON.parse(body).events[0].id as string);
  }

  #wake(): void {
    this.#waiters = this.#waiters.filter(({ holds, resolve }) => {
      if (holds()) {
        resolve();
        return false;
      }
      return true;
    });
  }
}

async function listenOnFirst(server: Server, ports: readonly number[]): Promise<void> {
  const [port, ...others] = ports;
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch (error) {
    if (others.length === 0) throw error;
    await listenOnFirst(server, others);
  }
}
