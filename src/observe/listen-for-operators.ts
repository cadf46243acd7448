/** Opens the listener of a debug server, with errors in the operator's words. */

import { once } from 'node:events';
import type { Server } from 'node:http';
import { CodedError, errorText } from '../errors.ts';
import { tryParseHostPort } from './host-port.ts';

/** An address that is a unix socket rather than `HOST:PORT`. */
export function isPath(addr: string): boolean {
  return addr.startsWith('/');
}

/**
 * Listens on `HOST:PORT` (port 0 allowed) or a path. Gives the bound `host:port` or the path.
 *
 * @throws CodedError `LISTEN_FAILED`
 */
export async function listenForOperators(server: Server, addr: string): Promise<string> {
  const address = isPath(addr) ? { path: addr } : tcpAddress(addr);
  // Exclusive: under node:cluster a listener is shared unless it says so.
  server.listen({ ...address, exclusive: true });
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new CodedError(
      'LISTEN_FAILED',
      `debug server cannot listen on ${addr}: ${errorText(error)}`,
      { cause: error },
    );
  }
  const bound = server.address();
  if (bound === null || typeof bound === 'string') {
    return addr;
  }
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return `${host}:${bound.port}`;
}

function tcpAddress(addr: string): { port: number; host?: string } {
  const address = tryParseHostPort(addr);
  if (address === undefined) {
    throw new CodedError('LISTEN_FAILED', `http.debug.addr: "${addr}" is not HOST:PORT`);
  }
  return { port: address.port, ...(address.host !== '' && { host: address.host }) };
}
