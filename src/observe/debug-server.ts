/**
 * The server on `http.debug.addr`: health, variables, metrics and profiles, for operators only. Plain node:http, as it
 * must answer when the front end does not. compose makes it when an address is configured.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { pipeline } from 'node:stream/promises';
import { errorText, hasCode, isAbort } from '../errors.ts';
import type { Health } from './health.ts';
import { isPath, listenForOperators } from './listen-for-operators.ts';
import type { Logger } from './logger.ts';
import type { MetricsPage } from './metrics.ts';
import { longestProfileSeconds, Profiles } from './profiles.ts';

const defaultProfileSeconds = 30;
const pprofIndex = `Profiles of this process; open them in Chrome DevTools.

/debug/pprof/profile?seconds=N   CPU profile (.cpuprofile) over N seconds, at most ${longestProfileSeconds}; 30 when left out
/debug/pprof/heap                heap snapshot (.heapsnapshot); the registry stands still while it is taken
/debug/pprof/cmdline             command line
`;

/** What `/debug/vars` shows. Each function returns JSON-safe values; secrets are masked by whoever hands it in. */
export interface DebugVars {
  readonly notifications: () => unknown;
  readonly proxy: () => unknown;
  /** Left out when Redis is not configured. */
  readonly redis?: () => unknown;
  /** Under `longshore`, beside the event loop: worker pool, buffers, front end, … */
  readonly longshore?: () => Readonly<Record<string, unknown>>;
}

export interface DebugServerParts {
  readonly health: Health;
  readonly vars: DebugVars;
  /** Absent unless `prometheus.enabled`. */
  readonly prometheus?: { readonly path: string; readonly page: MetricsPage };
  readonly logger: Logger;
}

export class DebugServer {
  readonly #parts: DebugServerParts;
  readonly #profiles = new Profiles();
  readonly #loopDelay: IntervalHistogram = monitorEventLoopDelay({ resolution: 20 });
  #server: Server | undefined;

  constructor(parts: DebugServerParts) {
    this.#parts = parts;
  }

  /**
   * Port 0 allowed; a path is a unix socket. Returns the bound `host:port` or the path.
   *
   * @throws CodedError `LISTEN_FAILED`, message fit for an operator
   */
  async listen(addr: string): Promise<string> {
    const server = createServer((request, response) => {
      void this.#serve(request, response);
    });
    const bound = await listenForOperators(server, addr);
    this.#server = server;
    this.#loopDelay.enable();
    // On a path it serves the supervisor's debug server, which has a line of its own.
    this.#parts.logger.log(isPath(addr) ? 'debug' : 'info', `debug server listening ${bound}`);
    return bound;
  }

  /** Cuts what is open: nothing here is worth waiting for. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#loopDelay.disable();
    if (server !== undefined) {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response);
    } catch (error) {
      if (isAbort(error) || response.destroyed) {
        // The asker left: there is nobody to tell.
        response.destroy();
      } else if (hasCode(error, 'PROFILE_BUSY')) {
        send(response, 503, 'text/plain; charset=utf-8', `${errorText(error)}\n`);
      } else {
        this.#parts.logger.error('debug server failed', { path: request.url, error });
        if (response.headersSent) {
          response.destroy();
        } else {
          send(response, 500, 'text/plain; charset=utf-8', 'internal error\n');
        }
      }
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://debug');
    const { prometheus, health } = this.#parts;
    if (prometheus !== undefined && url.pathname === prometheus.path) {
      send(response, 200, prometheus.page.contentType, await prometheus.page.text());
      return;
    }
    switch (url.pathname) {
      case '/debug/health':
        if (request.method === 'GET') {
          sendJson(response, health.isReady ? 200 : 503, health.failures());
          return;
        }
        break;
      case '/debug/vars':
        sendJson(response, 200, this.#vars());
        return;
      case '/debug/pprof':
      case '/debug/pprof/':
        send(response, 200, 'text/plain; charset=utf-8', pprofIndex);
        return;
      case '/debug/pprof/cmdline':
        send(response, 200, 'text/plain; charset=utf-8', process.argv.join('\0'));
        return;
      case '/debug/pprof/profile':
        await this.#cpuProfile(url, response);
        return;
      case '/debug/pprof/heap':
        await this.#heapSnapshot(response);
        return;
    }
    send(response, 404, 'text/plain; charset=utf-8', '404 page not found\n');
  }

  async #cpuProfile(url: URL, response: ServerResponse): Promise<void> {
    const text = url.searchParams.get('seconds');
    const seconds = text === null ? defaultProfileSeconds : Number(text);
    if (!(seconds > 0 && seconds <= longestProfileSeconds)) {
      const message = `seconds: more than 0 and at most ${longestProfileSeconds}\n`;
      send(response, 400, 'text/plain; charset=utf-8', message);
      return;
    }
    const left = new AbortController();
    response.once('close', () => left.abort());
    const profile = await this.#profiles.cpu(seconds, left.signal);
    nameFile(response, 'longshore.cpuprofile');
    send(response, 200, 'application/json', profile);
  }

  async #heapSnapshot(response: ServerResponse): Promise<void> {
    const snapshot = this.#profiles.heap();
    nameFile(response, 'longshore.heapsnapshot');
    response.writeHead(200, { 'content-type': 'application/json' });
    await pipeline(snapshot, response);
  }

  #vars(): object {
    const { notifications, proxy, redis, longshore } = this.#parts.vars;
    return {
      cmdline: process.argv,
      memstats: memoryStats(),
      registry: {
        notifications: notifications(),
        proxy: proxy(),
        ...(redis !== undefined && { redis: redis() }),
      },
      longshore: { eventLoop: this.#eventLoop(), ...longshore?.() },
    };
  }

  /** Since the server started to listen. */
  #eventLoop(): object {
    const delay = this.#loopDelay;
    const ms = (nanoseconds: number): number => Math.round(nanoseconds / 1e4) / 100;
    return {
      utilization: performance.eventLoopUtilization().utilization,
      delayMs: {
        // NaN before the first sample, which JSON would print as null.
        mean: delay.count > 0 ? ms(delay.mean) : 0,
        p50: ms(delay.percentile(50)),
        p99: ms(delay.percentile(99)),
        max: ms(delay.max),
      },
    };
  }
}

/** Under the names of Go's runtime.MemStats where Node has the same thing; bytes. */
export function memoryStats(): object {
  const memory = process.memoryUsage();
  return {
    Alloc: memory.heapUsed,
    Sys: memory.rss,
    HeapAlloc: memory.heapUsed,
    HeapSys: memory.heapTotal,
    HeapInuse: memory.heapUsed,
    External: memory.external,
    ArrayBuffers: memory.arrayBuffers,
  };
}

function nameFile(response: ServerResponse, name: string): void {
  response.setHeader('content-disposition', `attachment; filename="${name}"`);
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, 'application/json', JSON.stringify(body));
}

export function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(body);
}
