/**
 * The registry's front end over Node's own servers: plain HTTP, TLS, HTTP/2, all on one listening socket.
 * Accepts connections, finds out what they speak, and hands them to http1.ts or http2.ts; drains on close.
 */

import { createServer, type Server, type Socket } from 'node:net';
import type {
  BoundAddress,
  BufferPool,
  FrontEnd,
  FrontEndLimits,
  ListenAddress,
  RequestHandler,
} from '../src/http/exchange.ts';
import { boundTcp, clearStaleSocket, listenFailure } from '../src/http/listen-address.ts';
import type { Logger } from '../src/observe/logger.ts';
import { Connections } from './connections.ts';
import { createExchangeRunner } from './exchange-runner.ts';
import { createHttp1 } from './http1.ts';

/** As Distribution: dead peers are noticed after some minutes of silence. */
const tcpKeepAliveMs = 180_000;

export interface NodeFrontEndOptions {
  readonly handler: RequestHandler;
  readonly limits: FrontEndLimits;
  readonly pool: BufferPool;
  readonly logger: Logger;
}

export function createNodeFrontEnd(options: NodeFrontEndOptions): FrontEnd {
  const { handler, limits, pool, logger } = options;
  const connections = new Connections();
  const runner = createExchangeRunner(handler, logger);
  const http1 = createHttp1({ runner, connections, limits, pool, logger });
  const doors: Server[] = [];

  function openDoor(): Server {
    const door = createServer(
      {
        allowHalfOpen: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: tcpKeepAliveMs,
      },
      (socket: Socket) => http1.accept(socket, connections.add(socket)),
    );
    door.maxConnections = limits.maxConnections;
    return door;
  }

  async function listen(address: ListenAddress): Promise<BoundAddress> {
    if (address.kind === 'unix') await clearStaleSocket(address.path);
    const door = openDoor();
    await new Promise<void>((resolve, reject) => {
      door.once('error', (error) => reject(listenFailure(address, error)));
      door.listen(toListenOptions(address), resolve);
    });
    door.removeAllListeners('error');
    door.on('error', (error) => logger.error('listening socket failed', { error }));
    doors.push(door);
    const bound = door.address();
    if (bound === null || typeof bound === 'string') {
      return { text: typeof bound === 'string' ? bound : '', port: 0 };
    }
    return boundTcp(bound.address, bound.port);
  }

  async function close(graceMs: number): Promise<{ cut: number }> {
    const closed = doors.map((door) => new Promise<void>((resolve) => door.close(() => resolve())));
    const outcome = await connections.drain(graceMs);
    await Promise.all(closed);
    http1.server.close();
    return outcome;
  }

  return { name: 'node:http', listen, close };
}

function toListenOptions(address: ListenAddress): object {
  if (address.kind === 'unix') return { path: address.path };
  if (address.kind === 'fd') return { fd: address.fd };
  return { port: address.port, ...(address.host === '' ? {} : { host: address.host }) };
}
