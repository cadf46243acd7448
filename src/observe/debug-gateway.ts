/**
 * The server on `http.debug.addr` when several processes serve: asks the debug server of each over its private socket
 * and joins the answers. Made by the supervisor. A process that does not answer counts as unhealthy.
 */

import { once } from 'node:events';
import {
  request as askOverHttp,
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { errorText } from '../errors.ts';
import { memoryStats, send, sendJson } from './debug-server.ts';
import { joinMetrics } from './join-metrics.ts';
import { listenForOperators } from './listen-for-operators.ts';
import type { Logger } from './logger.ts';

/** A process that serves requests, as the debug server shows it. */
export interface ServingProcess {
  /** From 1; the same for the process that takes the place of a dead one. */
  readonly number: number;
  /** `undefined` between two lives. */
  readonly pid: number | undefined;
  readonly restarts: number;
  /** Where its own debug server listens. */
  readonly debugSocket: string;
}

export interface DebugGatewayParts {
  readonly processes: () => readonly ServingProcess[];
  /** Path of the metrics; absent unless `prometheus.enabled`. */
  readonly metricsPath?: string;
  readonly logger: Logger;
}

/** Long enough for a busy process, short enough for whoever probes. */
const answerTimeoutMs = 3000;

export class DebugGateway {
  readonly #parts: DebugGatewayParts;
  #server: Server | undefined;

  constructor(parts: DebugGatewayParts) {
    this.#parts = parts;
  }

  /** As DebugServer.listen. */
  async listen(addr: string): Promise<string> {
    const server = createServer((request, response) => {
      this.#route(request, response).catch((error: unknown) => {
        if (response.headersSent || response.destroyed) {
          response.destroy();
        } else {
          send(response, 502, 'text/plain; charset=utf-8', `${errorText(error)}\n`);
        }
      });
    });
    const bound = await listenForOperators(server, addr);
    this.#server = server;
    this.#parts.logger.info(`debug server listening ${bound}`);
    return bound;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://debug');
    if (url.pathname === this.#parts.metricsPath) {
      await this.#metrics(url.pathname, response);
    } else if (url.pathname === '/debug/health' && request.method === 'GET') {
      await this.#health(response);
    } else if (url.pathname === '/debug/vars') {
      await this.#vars(response);
    } else if (url.pathname.startsWith('/debug/pprof')) {
      await this.#passOn(url, response);
    } else {
      send(response, 404, 'text/plain; charset=utf-8', '404 page not found\n');
    }
  }

  async #metrics(path: string, response: ServerResponse): Promise<void> {
    const pages = new Map<number, string>();
    let contentType = 'text/plain; version=0.0.4; charset=utf-8';
    for (const { number, answer } of await this.#askAll(path)) {
      if (answer?.status === 200) {
        pages.set(number, answer.text);
        contentType = answer.contentType ?? contentType;
      }
    }
    send(response, 200, contentType, joinMetrics(pages));
  }

  /** The failures of all; a check that fails in several is shown as the first of them has it. */
  async #health(response: ServerResponse): Promise<void> {
    const failures: Record<string, unknown> = {};
    for (const { number, answer } of await this.#askAll('/debug/health')) {
      const found = answer === undefined ? silent(number) : (JSON.parse(answer.text) as object);
      for (const [check, message] of Object.entries(found)) {
        failures[check] ??= message;
      }
    }
    sendJson(response, Object.keys(failures).length === 0 ? 200 : 503, failures);
  }

  async #vars(response: ServerResponse): Promise<void> {
    const answers = await this.#askAll('/debug/vars');
    const processes = this.#parts.processes().map(({ number, pid, restarts }) => {
      const text = answers.find((asked) => asked.number === number)?.answer?.text;
      return { number, pid: pid ?? null, restarts, vars: text ? JSON.parse(text) : null };
    });
    sendJson(response, 200, { cmdline: process.argv, memstats: memoryStats(), processes });
  }

  /** Profiles are of one process: `?process=N`, the first unless said. */
  async #passOn(url: URL, response: ServerResponse): Promise<void> {
    const number = Number(url.searchParams.get('process') ?? 1);
    const found = this.#parts.processes().find((one) => one.number === number);
    if (found === undefined) {
      const count = this.#parts.processes().length;
      send(response, 400, 'text/plain; charset=utf-8', `process: a number from 1 to ${count}\n`);
      return;
    }
    const left = new AbortController();
    response.once('close', () => left.abort());
    const outgoing = askOverHttp({
      socketPath: found.debugSocket,
      path: url.pathname + url.search,
      signal: left.signal,
    });
    outgoing.end();
    const [message] = (await once(outgoing, 'response')) as [IncomingMessage];
    response.writeHead(message.statusCode ?? 502, message.headers);
    await pipeline(message, response);
  }

  async #askAll(path: string): Promise<{ number: number; answer: Answer | undefined }[]> {
    return await Promise.all(
      this.#parts.processes().map(async ({ number, debugSocket }) => ({
        number,
        // The process is starting, stopping or stuck; the caller says which answers it lacks.
        answer: await ask(debugSocket, path).catch(() => undefined),
      })),
    );
  }
}

interface Answer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly text: string;
}

async function ask(socketPath: string, path: string): Promise<Answer> {
  const signal = AbortSignal.timeout(answerTimeoutMs);
  const outgoing = askOverHttp({ socketPath, path, signal });
  outgoing.end();
  const [message] = (await once(outgoing, 'response')) as [IncomingMessage];
  return {
    status: message.statusCode ?? 0,
    contentType: message.headers['content-type'],
    text: (await buffer(message)).toString('utf8'),
  };
}

function silent(number: number): Record<string, string> {
  return { [`process ${number}`]: 'does not answer' };
}
