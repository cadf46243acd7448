/**
 * HTTP/1.0 and 1.1 over Node's parser: framing checks that go beyond it, refusals, bodies left unread.
 * Never listens by itself: front-end.ts hands it connections, cleartext or decrypted.
 */

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { ClientGoneError } from '../src/errors.ts';
import type { BufferPool, FrontEndLimits, Reply } from '../src/http/exchange.ts';
import type { Logger } from '../src/observe/logger.ts';
import { Slots } from '../src/slots.ts';
import type { Connection, Connections } from './connections.ts';
import type { ExchangeRunner } from './exchange-runner.ts';
import { expectsContinue, framingFault, toExchange } from './http1-request.ts';
import { type NodeExchange, noProgress } from './node-exchange.ts';
import { rawRefusal, refusal } from './refusal.ts';
import { type HeaderPairs, type ReplySink, sendReply } from './send-reply.ts';
import { drainSmall, isWorthDraining, linger } from './unread-body.ts';

/** Requests that one connection may have under way; no registry client pipelines more than a few. */
const maxPipelined = 64;

export interface Http1Parts {
  readonly runner: ExchangeRunner;
  readonly connections: Connections;
  readonly limits: FrontEndLimits;
  readonly pool: BufferPool;
  readonly logger: Logger;
}

export interface Http1 {
  readonly server: Server;
  /** Takes a connection over; the first bytes may already be unshifted into it. */
  accept(socket: Socket, connection: Connection): void;
}

interface OpenExchange {
  readonly exchange: NodeExchange;
  readonly request: IncomingMessage;
}

export function createHttp1(parts: Http1Parts): Http1 {
  const { runner, connections, limits, pool, logger } = parts;
  const byConnection = new WeakMap<Socket, Connection>();
  const open = new WeakMap<Socket, Slots<OpenExchange>>();

  const options: ServerOptions = {
    insecureHTTPParser: false,
    joinDuplicateHeaders: true,
    // Checked in framingFault, with a JSON answer.
    requireHostHeader: false,
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headerTimeoutMs,
    // A layer of 100 GB may take hours; `timeout` below bounds silence instead.
    requestTimeout: 0,
    keepAliveTimeout: limits.idleTimeoutMs,
    connectionsCheckingInterval: Math.min(5_000, Math.max(100, limits.headerTimeoutMs / 4)),
  };
  const server = createServer(options);
  server.timeout = limits.noProgressTimeoutMs;
  // maxHeaderSize bounds the bytes already; Node's own count drops headers silently, framing ones too.
  server.maxHeadersCount = 0;
  // Node starts the headers clock with `listening`, which an injected connection never causes.
  server.emit('listening');

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    // Whatever follows a refused request on its connection may be smuggled: it is not even looked at.
    if (refused.has(request.socket)) return;
    const connection = byConnection.get(request.socket);
    if (connection === undefined) {
      request.socket.destroy();
      return;
    }
    // Node emits it for writes that come after the connection's end; `close` tells the same.
    response.on('error', () => {});
    void serve(request, response, connection);
  };
  server.on('request', onRequest);
  server.on('checkContinue', onRequest);
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    void refuse(request, response, refusal(417, 'UNSUPPORTED', 'unknown expectation'));
  });
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    socket.end(rawRefusal(405, 'UNSUPPORTED', 'the operation is unsupported'));
  });
  server.on('clientError', (error: Error & { code?: string }, socket: Socket) => {
    answerBroken(error, socket);
  });
  server.on('timeout', (socket: Socket) => {
    const exchanges = open.get(socket)?.values() ?? [];
    if (exchanges.length > 0 && !exchanges.some(({ exchange }) => exchange.isWaitingForClient)) {
      // The storage is slow, not the client: look again later.
      socket.setTimeout(limits.noProgressTimeoutMs);
      return;
    }
    giveUp(socket, noProgress(limits.noProgressTimeoutMs));
    socket.destroy();
  });

  async function serve(
    request: IncomingMessage,
    response: ServerResponse,
    connection: Connection,
  ): Promise<void> {
    const fault = framingFault(request);
    if (fault !== undefined) {
      await refuse(request, response, fault);
      return;
    }
    const { socket } = request;
    if (connection.openExchanges >= maxPipelined) {
      socket.destroy();
      return;
    }
    const exchange = toExchange(request, response, pool);
    const exchanges = open.get(socket);
    const number = exchanges?.add({ exchange, request });
    connections.exchangeStarted(connection);
    response.once('close', () => {
      if (!response.writableFinished) exchange.abort(new ClientGoneError());
    });
    request.once('error', () => exchange.abort(new ClientGoneError()));
    await runner.run(exchange, http1Sink(request, response, connections, exchange));
    if (number !== undefined) exchanges?.take(number);
    connections.exchangeEnded(connection);
    if (refused.has(socket) && exchanges?.size === 0) connection.end();
  }

  function answerBroken(error: Error & { code?: string }, socket: Socket): void {
    if (refused.has(socket)) {
      socket.destroySoon();
      return;
    }
    const exchanges = open.get(socket)?.values() ?? [];
    const isReset = error.code === 'ECONNRESET' || !socket.writable;
    if (!isReset && exchanges.length > 0 && exchanges.every(({ request }) => request.complete)) {
      // What came whole before is served; the connection ends with it.
      refused.add(socket);
      return;
    }
    const isReplying = exchanges.some(({ exchange }) => exchange.isReplying);
    giveUp(socket, new ClientGoneError(`broken request: ${error.message}`));
    // A refusal may only go out where the client can take it for the answer to its broken request.
    if (isReset || isReplying || exchanges.length > 1) {
      socket.destroy();
      return;
    }
    const [status, code, message] = brokenRequests[error.code ?? ''] ?? malformed;
    logger.debug('malformed request refused', { code: error.code, remote: socket.remoteAddress });
    socket.end(rawRefusal(status, code, message), () => socket.destroySoon());
    socket.setTimeout(1_000, () => socket.destroy());
  }

  function giveUp(socket: Socket, reason: ClientGoneError): void {
    for (const { exchange } of open.get(socket)?.values() ?? []) exchange.abort(reason);
  }

  return {
    server,
    accept(socket: Socket, connection: Connection): void {
      byConnection.set(socket, connection);
      open.set(socket, new Slots());
      connection.end = () => socket.destroySoon();
      server.emit('connection', socket);
    },
  };
}

/** Connections that close after a refusal: what their parser still finds wrong is no news. */
const refused = new WeakSet<Socket>();

const malformed = [400, 'BAD_REQUEST', 'malformed HTTP request'] as const;
/** Answers to what Node's parser reports, by its error code. */
const brokenRequests: Readonly<Record<string, readonly [number, string, string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'HEADERS_TOO_LARGE', 'request header too large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'BAD_REQUEST', 'chunk extensions too large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'REQUEST_TIMEOUT', 'request header took too long'],
};

function http1Sink(
  request: IncomingMessage,
  response: ServerResponse,
  connections: Connections,
  exchange: NodeExchange | undefined,
): ReplySink {
  let mustClose = exchange === undefined;
  let isFlushed = false;
  return {
    stream: response,
    isInSteps: false,
    async prepare(): Promise<void> {
      const isChunked = request.headers['transfer-encoding'] !== undefined;
      if (isChunked && !request.complete && !expectsContinue(request)) await drainSmall(request);
    },
    isWhole: () => isFlushed || response.writableFinished,
    head(status: number, headers: HeaderPairs, body?: Uint8Array | string): void {
      const isUnread =
        exchange !== undefined && 'isUnread' in exchange.body && exchange.body.isUnread === true;
      // A client that waits for "100 Continue" may or may not send its body after another answer.
      const isBodyUncertain = isUnread && expectsContinue(request);
      mustClose ||= isBodyUncertain || (!request.complete && !isWorthDraining(request));
      const isClosing = mustClose || connections.isDraining;
      response.writeHead(status, [
        ...headers.flat(),
        ...(isClosing ? ['Connection', 'close'] : []),
      ]);
      if (body === undefined) return;
      if (!mustClose || request.complete) {
        response.end(body);
        return;
      }
      response.write(body === '' ? Buffer.alloc(0) : body, (error) => {
        isFlushed = !error;
      });
      // A write that has no body to send, as to HEAD, leaves the head unsent too.
      response.flushHeaders();
      void linger(request).then(() => response.end());
    },
    async beforeEnd(): Promise<void> {
      if (mustClose && !request.complete) await linger(request);
    },
    cut(): void {
      request.socket.destroy();
    },
  };
}

async function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  reply: Reply,
): Promise<void> {
  refused.add(request.socket);
  const sink = http1Sink(request, response, { isDraining: true } as Connections, undefined);
  await sendReply(sink, reply, request.method ?? 'GET', () => {});
}
