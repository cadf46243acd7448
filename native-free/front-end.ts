/**
 * The registry's front end over Node's own servers: plain HTTP, TLS, HTTP/2, all on one listening socket.
 * Accepts connections, finds out what they speak, and hands them to http1.ts or http2.ts; drains on close.
 */

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type {
  BoundAddress,
  BufferPool,
  FrontEnd,
  FrontEndLimits,
  ListenAddress,
  RequestHandler,
} from '../src/http/exchange.ts';
import {
  addressText,
  boundTcp,
  clearStaleSocket,
  listenFailure,
} from '../src/http/listen-address.ts';
import type { Logger } from '../src/observe/logger.ts';
import { type Connection, Connections } from './connections.ts';
import { createExchangeRunner } from './exchange-runner.ts';
import { sniffProtocol, switchToH2c, wantsH2c, withoutUpgrade } from './h2c.ts';
import { createHttp1 } from './http1.ts';
import { createHttp2 } from './http2.ts';
import type { TlsSource } from './tls/tls-source.ts';
import { createTlsDoor, type TlsDoor } from './tls-door.ts';

/** As Distribution: dead peers are noticed after some minutes of silence. */
const tcpKeepAliveMs = 180_000;

/** Connections over the bound are dropped by the thousand: one line a minute tells enough. */
const dropReportMs = 60_000;

export interface NodeFrontEndOptions {
  readonly handler: RequestHandler;
  readonly limits: FrontEndLimits;
  readonly pool: BufferPool;
  readonly logger: Logger;
  /** Started and stopped by the front end. */
  readonly tls?: TlsSource;
  /** Offers HTTP/2 in TLS handshakes. */
  readonly http2: boolean;
  /** Without TLS: takes HTTP/2 beside HTTP/1.1. */
  readonly h2c: boolean;
}

export interface NodeFrontEnd extends FrontEnd {
  /** Reads TLS files again, as on SIGHUP; new connections get them. Without TLS nothing happens. */
  reload(): Promise<void>;
}

/**
 * ```
 *   TCP or unix ──> door ──┬── tls ──> tls-door ──┬─ h2 ──> http2.ts
 *                          │                      └─ else ─> http1.ts
 *                          ├── h2c ──> first bytes ─┬─ preface ──> http2.ts
 *                          │                        └─ else ─> http1.ts ── Upgrade: h2c ──> http2.ts
 *                          └── plain ─────────────────────────> http1.ts
 * ```
 */
export function createNodeFrontEnd(options: NodeFrontEndOptions): NodeFrontEnd {
  const { handler, limits, pool, logger, tls } = options;
  const connections = new Connections();
  const parts = {
    runner: createExchangeRunner(handler, logger),
    connections,
    limits,
    pool,
    logger,
  };
  const http1 = createHttp1(parts);
  const http2 = createHttp2(parts);
  const doors: Server[] = [];
  const ofRaw = new WeakMap<Socket, Connection>();
  let reportedDropMs = 0;

  if (options.h2c && tls === undefined) http1.server.on('upgrade', onUpgrade);

  async function onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const connection = ofRaw.get(socket);
    if (connection === undefined) {
      socket.destroy();
    } else if (!wantsH2c(request)) {
      socket.unshift(Buffer.concat([withoutUpgrade(request), head]));
      http1.accept(socket, connection);
    } else if (await switchToH2c(request, socket, head, limits.headerTimeoutMs)) {
      http2.accept(socket, connection);
    }
  }

  function onPlain(socket: Socket): void {
    const connection = connections.add(socket);
    // Until a protocol owns the socket nobody else listens; `close` follows and ends its record.
    socket.on('error', (error) => logger.debug('connection failed', { error: error.message }));
    if (!options.h2c) {
      http1.accept(socket, connection);
      return;
    }
    ofRaw.set(socket, connection);
    void sniffProtocol(socket, limits.headerTimeoutMs).then((protocol) => {
      if (protocol !== undefined) {
        (protocol === 'http2' ? http2 : http1).accept(socket, connection);
      }
    });
  }

  function tlsDoor(source: TlsSource): TlsDoor {
    return createTlsDoor({
      source,
      http2: options.http2,
      handshakeTimeoutMs: limits.headerTimeoutMs,
      logger,
      onConnection(socket: TLSSocket, protocol: 'http1' | 'http2'): void {
        // Node's own field, there since TLS sockets are: the connection below. Without it draining takes longer.
        const raw = (socket as { _parent?: Socket })._parent;
        const connection = (raw && ofRaw.get(raw)) ?? connections.add(socket);
        (protocol === 'http2' ? http2 : http1).accept(socket, connection);
      },
    });
  }

  function onSecure(raw: Socket, door: TlsDoor): void {
    raw.allowHalfOpen = false;
    ofRaw.set(raw, connections.add(raw));
    raw.on('error', (error) => logger.debug('connection failed', { error: error.message }));
    door.accept(raw);
  }

  function reportDrop(): void {
    if (Date.now() - reportedDropMs < dropReportMs) return;
    reportedDropMs = Date.now();
    logger.warn('connections dropped: http.limits.maxconnections are open', {
      maxconnections: limits.maxConnections,
    });
  }

  function openDoor(): Server {
    const secure = tls === undefined ? undefined : tlsDoor(tls);
    const door = createServer(
      {
        allowHalfOpen: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: tcpKeepAliveMs,
      },
      (socket: Socket) => {
        // Not `door.maxConnections`, whose refusals node:cluster may offer to the other processes, again and again.
        if (connections.count >= limits.maxConnections) {
          socket.destroy();
          reportDrop();
        } else if (secure === undefined) {
          onPlain(socket);
        } else {
          onSecure(socket, secure);
        }
      },
    );
    return door;
  }

  async function listen(address: ListenAddress): Promise<BoundAddress> {
    if (address.kind === 'unix' && !address.isShared) await clearStaleSocket(address.path);
    await tls?.start();
    const door = openDoor();
    try {
      await once(door.listen(toListenOptions(address)), 'listening');
    } catch (error) {
      await tls?.stop();
      throw listenFailure(address, error);
    }
    door.on('error', (error) => logger.error('listening socket failed', { error }));
    doors.push(door);
    tls?.listening();
    const bound = door.address();
    if (bound === null || typeof bound === 'string') {
      // Node does not know the path of an inherited unix socket.
      return { text: bound || addressText(address), port: 0 };
    }
    return boundTcp(bound.address, bound.port);
  }

  async function close(graceMs: number): Promise<{ cut: number }> {
    const closed = doors.map((door) => new Promise<void>((resolve) => door.close(() => resolve())));
    const outcome = await connections.drain(graceMs);
    await Promise.all(closed);
    http1.server.close();
    await tls?.stop();
    return outcome;
  }

  const name = tls === undefined ? 'node:http' : options.http2 ? 'node:http2' : 'node:https';
  const reload = async (): Promise<void> => {
    await tls?.reload();
  };
  return { name, listen, close, reload };
}

function toListenOptions(address: ListenAddress): object {
  if (address.kind === 'unix') return { path: address.path };
  if (address.kind === 'fd') return { fd: address.fd };
  return { port: address.port, ...(address.host === '' ? {} : { host: address.host }) };
}
