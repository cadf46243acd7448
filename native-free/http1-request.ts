/**
 * An HTTP/1 request as Node's parser gives it: is its framing beyond doubt, and what exchange does it make.
 * Called by http1.ts once per request.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { BufferPool, Reply } from '../src/http/exchange.ts';
import { type BodyHooks, emptyBody, StreamBody } from './body-source.ts';
import { NodeExchange } from './node-exchange.ts';
import { refusal } from './refusal.ts';

/**
 * What Node's parser lets pass though another server in the chain may read it otherwise (RFC 9112 3.2, 6.1, 6.3).
 */
export function framingFault(request: IncomingMessage): Reply | undefined {
  let hosts = 0;
  let codings = 0;
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i]?.toLowerCase();
    if (name === 'host') hosts += 1;
    if (name === 'transfer-encoding') codings += 1;
  }
  if (hosts > 1) return refusal(400, 'BAD_REQUEST', 'more than one Host header');
  if (hosts === 0 && request.httpVersion === '1.1') {
    return refusal(400, 'BAD_REQUEST', 'Host header missing');
  }
  if (codings === 0) return undefined;
  if (request.httpVersion !== '1.1') {
    return refusal(400, 'BAD_REQUEST', 'Transfer-Encoding needs HTTP/1.1');
  }
  const coding = request.headers['transfer-encoding']?.trim().toLowerCase();
  if (codings > 1 || coding !== 'chunked') {
    return refusal(501, 'UNSUPPORTED', 'the only transfer coding supported is chunked');
  }
  return undefined;
}

export function toExchange(
  request: IncomingMessage,
  response: ServerResponse,
  pool: BufferPool,
): NodeExchange {
  const { socket, headers } = request;
  const length = headers['content-length'];
  const hasBody = headers['transfer-encoding'] !== undefined || Number(length ?? 0) > 0;
  const hooks: BodyHooks = {
    beforeFirstRead(): void {
      if (expectsContinue(request) && !response.headersSent) response.writeContinue();
    },
    isCutShort: () => !request.complete,
  };
  return new NodeExchange({
    method: request.method ?? 'GET',
    target: request.url ?? '/',
    httpVersion: request.httpVersion,
    isTls: (socket as TLSSocket).encrypted === true,
    remoteAddress: plainAddress(socket.remoteAddress),
    remotePort: socket.remotePort ?? 0,
    header: (name) => {
      const value = headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    body: hasBody
      ? new StreamBody(request, pool, length === undefined ? undefined : Number(length), hooks)
      : emptyBody(pool),
  });
}

/** Dual-stack sockets report IPv4 peers as `::ffff:1.2.3.4`; logs and allow lists want the plain form. */
export function plainAddress(address: string | undefined): string {
  return address?.replace(/^::ffff:(?=\d+\.)/, '') ?? '';
}

export function expectsContinue(request: IncomingMessage): boolean {
  return request.httpVersion === '1.1' && /^100-continue$/i.test(request.headers.expect ?? '');
}
