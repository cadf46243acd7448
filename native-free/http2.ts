/**
 * HTTP/2 over Node's own session: pseudo-headers, stream errors, limits per stream and session.
 * Never listens by itself: front-end.ts hands it connections, cleartext (h2c) or decrypted.
 */

import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { ClientGoneError } from '../src/errors.ts';
import { type BodyHooks, emptyBody, StreamBody } from './body-source.ts';
import type { Connection } from './connections.ts';
import type { Http1Parts } from './http1.ts';
import { plainAddress } from './http1-request.ts';
import { NodeExchange } from './node-exchange.ts';
import { ProgressWatch } from './progress-watch.ts';
import { refusal } from './refusal.ts';
import { type HeaderPairs, type ReplySink, sendReply } from './send-reply.ts';

/** Streams a client may have open at once, as Go's server has it. */
const maxConcurrentStreams = 250;
/** Streams that were reset free their place at once while their handlers still wind up: bounds those as well. */
const maxHandled = 2 * maxConcurrentStreams;
/**
 * Upload windows. Node's defaults of 64 KiB let one upload move 64 KiB per round trip; what is accepted is bounded by
 * the window and read into pooled buffers only when the handler asks.
 */
const streamWindowBytes = 1024 * 1024;
const sessionWindowBytes = 8 * 1024 * 1024;
/** Node counts queued response bytes too: with its default of 10 a few slow downloads would refuse new streams. */
const maxSessionMemoryMb = 256;

/** How long the last frames of a session may take to leave. */
const goodbyeMs = 1_000;

export interface Http2 {
  readonly server: Http2Server;
  /** Takes a connection over; the client's first bytes may already be unshifted into it. */
  accept(socket: Socket, connection: Connection): void;
}

export function createHttp2(parts: Http1Parts): Http2 {
  const { runner, connections, limits, pool, logger } = parts;
  const server = createServer({
    maxSessionMemory: maxSessionMemoryMb,
    maxHeaderListPairs: 512,
    settings: {
      maxConcurrentStreams,
      initialWindowSize: streamWindowBytes,
      maxHeaderListSize: limits.maxHeaderBytes,
      enablePush: false,
    },
  });
  const progress = new ProgressWatch(limits.noProgressTimeoutMs);
  server.on('sessionError', (error) => logger.debug('HTTP/2 session failed', { error }));

  function startSession(session: ServerHttp2Session, socket: Socket, connection: Connection): void {
    connection.end = () => endSession(session);
    connection.announceEnd = () => session.close();
    session.setLocalWindowSize(sessionWindowBytes);
    // Not the session's own timeout, which PING and half a header put off.
    const idle = setTimeout(() => {
      if (connection.openExchanges === 0) endSession(session);
    }, limits.idleTimeoutMs);
    session.once('close', () => clearTimeout(idle));
    session.on('error', (error) => logger.debug('HTTP/2 session failed', { error }));
    session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      void serve(stream, headers, socket, connection).then(() => {
        if (!session.destroyed) idle.refresh();
      });
    });
  }

  async function serve(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    socket: Socket,
    connection: Connection,
  ): Promise<void> {
    if (connection.openExchanges >= maxHandled) {
      stream.session?.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
      return;
    }
    connections.exchangeStarted(connection);
    const exchange = toExchange(stream, headers);
    const sink = http2Sink(stream);
    stream.once('close', () => {
      if (!stream.writableFinished || stream.rstCode !== constants.NGHTTP2_NO_ERROR) {
        exchange.abort(new ClientGoneError());
      }
    });
    // Resets by the client arrive as errors too; `close` follows and tells the handler.
    stream.on('error', (error) => logger.debug('HTTP/2 stream failed', { error }));
    const watched = progress.add(exchange, () => stream.close(constants.NGHTTP2_CANCEL));
    if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue') {
      await sendReply(sink, refusal(417, 'UNSUPPORTED', 'unknown expectation'), 'GET', () => {});
    } else {
      await runner.run(exchange, sink);
    }
    progress.delete(watched);
    connections.exchangeEnded(connection);

    function toExchange(request: ServerHttp2Stream, fields: IncomingHttpHeaders): NodeExchange {
      const length = fields['content-length'];
      const hasBody = !request.endAfterHeaders && Number(length ?? 1) > 0;
      const hooks: BodyHooks = {
        beforeFirstRead(): void {
          if (fields.expect === undefined || request.headersSent || request.destroyed) return;
          request.additionalHeaders({ ':status': 100 });
        },
        isCutShort: () => request.aborted || request.rstCode !== constants.NGHTTP2_NO_ERROR,
      };
      return new NodeExchange({
        method: fields[':method'] ?? 'GET',
        target: fields[':path'] ?? '/',
        httpVersion: '2.0',
        isTls: (socket as TLSSocket).encrypted === true,
        remoteAddress: plainAddress(socket.remoteAddress),
        remotePort: socket.remotePort ?? 0,
        header: (name) => {
          const value = fields[name] ?? (name === 'host' ? fields[':authority'] : undefined);
          return Array.isArray(value) ? value.join(', ') : value;
        },
        body: hasBody
          ? new StreamBody(request, pool, length === undefined ? undefined : Number(length), hooks)
          : emptyBody(pool),
      });
    }
  }

  return {
    server,
    accept(socket: Socket, connection: Connection): void {
      // A session ends with its input; HTTP/1 alone wants to answer half-closed clients.
      socket.allowHalfOpen = false;
      // The server makes the session, and says so, while it takes the connection in.
      server.once('session', (session) => startSession(session, socket, connection));
      server.emit('connection', socket);
    },
  };
}

/** A session closes politely once its streams have ended, which one whose header never came whole does not. */
function endSession(session: ServerHttp2Session): void {
  session.close();
  setTimeout(() => session.destroy(), goodbyeMs).unref();
}

/** Headers that HTTP/2 forbids (RFC 9113 8.2.2), and that Node throws at. */
const connectionHeaders = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

function http2Sink(stream: ServerHttp2Stream): ReplySink {
  return {
    stream,
    isInSteps: true,
    prepare: () => Promise.resolve(),
    // A client that has all it wants may close before Node calls the stream finished.
    isWhole: () => stream.headersSent && stream.rstCode === constants.NGHTTP2_NO_ERROR,
    head(status: number, headers: HeaderPairs, body?: Uint8Array | string): void {
      if (stream.destroyed || stream.closed) return;
      stream.respond(toHttp2Headers(status, headers), { endStream: body === '' });
      if (body !== undefined && body !== '') stream.end(body);
      releaseUnread(stream);
    },
    beforeEnd: () => Promise.resolve(),
    cut(): void {
      if (!stream.destroyed) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    },
  };
}

function toHttp2Headers(status: number, headers: HeaderPairs): OutgoingHttpHeaders {
  const fields: Record<string, number | string | string[]> = { ':status': status };
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    if (connectionHeaders.has(key)) continue;
    const earlier = fields[key];
    if (earlier === undefined) fields[key] = value;
    // Cookies alone cannot be joined (RFC 9110 5.3).
    else if (key === 'set-cookie') fields[key] = [...[earlier].flat().map(String), value];
    // One line means the same as several; of some headers Node takes no more than one.
    else fields[key] = `${earlier}, ${value}`;
  }
  return fields;
}

/**
 * Once the answer is whole, a request body that nobody reads is refused without error (RFC 9113 8.1), so that the
 * client stops sending; what is on its way is dropped.
 */
function releaseUnread(stream: ServerHttp2Stream): void {
  stream.once('finish', () => {
    if (stream.readableEnded) return;
    stream.resume();
    if (stream.endAfterHeaders) return;
    // Frames leave after this turn; a reset overtakes data, and clients take one that comes before the end as a fault.
    setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
  });
}
