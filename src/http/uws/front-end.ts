/**
 * The native front end over uWebSockets.js: takes requests from the add-on to the handler and replies back.
 * Plain HTTP/1.1 only. Header time and idle time are the add-on's own 10 s; docs/front-ends.md says what else it cannot do.
 */

import { unlink } from 'node:fs/promises';
import { ClientGoneError, errorText, isAbort } from '../../errors.ts';
import type { Logger } from '../../observe/logger.ts';
import type {
  BoundAddress,
  BufferPool,
  FrontEnd,
  FrontEndLimits,
  ListenAddress,
  Reply,
  RequestBody,
  RequestHandler,
} from '../exchange.ts';
import { lingerBytes, lingerMs } from '../linger.ts';
import { emptyBody, maxDiscardBytes, UwsBody } from './body-source.ts';
import { ConnectionWatch } from './connection-watch.ts';
import { UwsExchange } from './exchange.ts';
import { KeepAwake } from './keep-awake.ts';
import { type Listener, openListener } from './listen.ts';
import { OnlyPeer } from './only-peer.ts';
import { type HeaderFault, type RequestHead, readRequestHead } from './request-headers.ts';
import {
  dropReply,
  isOneShot,
  type Sent,
  sendHeld,
  sendOneShot,
  sendStream,
} from './send-reply.ts';
import type { Uws, UwsApp, UwsRequest, UwsResponse } from './types.ts';

/** How long an unwanted chunked body may take to end before the reply goes out and closes the connection. */
const discardWaitMs = 100;

export interface UwsFrontEndParts {
  readonly uws: Uws;
  readonly handler: RequestHandler;
  readonly limits: FrontEndLimits;
  readonly pool: BufferPool;
  readonly logger: Logger;
}

export function createUwsFrontEnd(parts: UwsFrontEndParts): FrontEnd {
  return new UwsFrontEnd(parts);
}

class UwsFrontEnd implements FrontEnd {
  readonly name = 'uWebSockets.js';
  readonly #parts: UwsFrontEndParts;
  readonly #app: UwsApp;
  readonly #noBody: RequestBody;
  readonly #keepAwake: KeepAwake;
  readonly #watch: ConnectionWatch;
  readonly #onlyPeer = new OnlyPeer();
  readonly #listeners: Listener[] = [];
  /** Exchanges under way. */
  #open = 0;
  #isClosing = false;
  #cutReason: unknown;
  #onIdle: (() => void) | undefined;

  constructor(parts: UwsFrontEndParts) {
    const { uws, limits, pool, logger } = parts;
    this.#parts = parts;
    this.#noBody = emptyBody(pool);
    this.#keepAwake = new KeepAwake(limits.noProgressTimeoutMs);
    this.#watch = new ConnectionWatch(limits.maxConnections, logger);
    this.#app = uws.App();
    this.#app.filter((res, change) => this.#countConnection(res, change));
    this.#app.any('/*', (res, req) => this.#serve(res, req));
  }

  async listen(address: ListenAddress): Promise<BoundAddress> {
    const listener = await openListener(this.#parts.uws, this.#app, address);
    this.#listeners.push(listener);
    return listener.bound;
  }

  async close(graceMs: number): Promise<{ readonly cut: number }> {
    this.#isClosing = true;
    for (const { socket, bound } of this.#listeners.splice(0)) {
      this.#parts.uws.us_listen_socket_close(socket);
      if (bound.port === 0) {
        await unlink(bound.text).catch(() => {
          // Somebody else removed the socket file already.
        });
      }
    }
    await this.#idle(graceMs);
    const cut = this.#open;
    this.#cutReason = new ClientGoneError('server is shutting down');
    this.#app.close();
    this.#keepAwake.stop();
    return { cut };
  }

  /** Resolves when no exchange is open or the time is up. */
  async #idle(graceMs: number): Promise<void> {
    if (this.#open > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        this.#onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    // The last reply may still sit in the cork buffer of the callback that sent it.
    await new Promise((resolve) => setImmediate(resolve));
  }

  #countConnection(res: UwsResponse, change: number): void {
    this.#onlyPeer.onChange(res, change);
    this.#watch.onChange(res, change);
  }

  #serve(res: UwsResponse, req: UwsRequest): void {
    const { handler, limits, pool } = this.#parts;
    this.#watch.onRequest();
    const head = readRequestHead(req, limits.maxHeaderBytes);
    const { bodyBytes, fault } = head;
    if (fault !== undefined) {
      this.#refuse(res, head, fault);
      return;
    }
    const upload = bodyBytes === 0 ? undefined : new UwsBody(res, bodyBytes, pool);
    const peer = this.#onlyPeer.address;
    const exchange = new UwsExchange(res, head, peer, upload, this.#noBody);
    this.#open += 1;
    let outcome: Reply | Promise<Reply>;
    try {
      outcome = handler.handle(exchange);
    } catch (error) {
      outcome = this.#brokenHandler(error);
    }
    if (
      upload === undefined &&
      !(outcome instanceof Promise) &&
      isOneShot(outcome, exchange.method)
    ) {
      // Inside the add-on's callback the response is corked already.
      this.#finish(exchange, outcome, sendOneShot(res, exchange.method, outcome, this.#isClosing));
      return;
    }
    res.onAborted(() => exchange.markGone(this.#cutReason));
    if (upload !== undefined) {
      upload.onProgress = () => {
        exchange.progressAtMs = Date.now();
      };
      this.#keepAwake.add(exchange);
      upload.holdUnread();
    }
    void this.#answer(exchange, outcome);
  }

  /** From the handler's outcome to the last byte; never rejects. */
  async #answer(exchange: UwsExchange, outcome: Reply | Promise<Reply>): Promise<void> {
    let reply: Reply;
    try {
      reply = outcome instanceof Promise ? await outcome : outcome;
    } catch (error) {
      reply = this.#brokenHandler(error, exchange.isGone);
    }
    let sentBytes = 0;
    const isCutAfter = exchange.isGone ? false : await this.#settleUpload(exchange);
    if (exchange.isGone) {
      dropReply(reply, exchange.goneReason);
    } else {
      sentBytes = await this.#send(exchange, reply, isCutAfter);
    }
    this.#finish(exchange, reply, sentBytes);
  }

  async #send(exchange: UwsExchange, reply: Reply, isCutAfter: boolean): Promise<number> {
    const { res, method, upload } = exchange;
    if (isOneShot(reply, method) && !isCutAfter) {
      let sentBytes = 0;
      upload?.release();
      exchange.isAnswered = true;
      res.cork(() => {
        sentBytes = sendOneShot(res, method, reply, this.#isClosing);
      });
      return sentBytes;
    }
    this.#keepAwake.add(exchange);
    const { bytes, failure } = isCutAfter
      ? await sendLast(exchange, reply)
      : await sendStream(exchange, reply, this.#isClosing ? 'closes' : 'goes on');
    if (failure !== undefined) {
      this.#parts.logger.warn('reply cut short: its source failed', {
        path: exchange.path,
        error: errorText(failure),
      });
    }
    return bytes;
  }

  /**
   * Deals with what the client still sends of a body that the handler did not read to its end. A little is read and
   * dropped, so that the connection can go on.
   *
   * @returns true when the connection must not be used again.
   */
  async #settleUpload(exchange: UwsExchange): Promise<boolean> {
    const { upload } = exchange;
    if (upload === undefined || upload.isComplete) {
      return false;
    }
    upload.cancel();
    const { missingBytes } = upload;
    if (this.#isClosing) {
      // This reply ends the connection, whatever comes.
      return true;
    }
    return missingBytes === undefined
      ? !(await completesWithin(upload, exchange, discardWaitMs))
      : missingBytes > maxDiscardBytes;
  }

  #finish(exchange: UwsExchange, reply: Reply, sentBytes: number): void {
    this.#keepAwake.delete(exchange);
    this.#open -= 1;
    exchange.isAnswered = true;
    exchange.upload?.release();
    try {
      this.#parts.handler.finished(exchange, reply, sentBytes);
    } catch (error) {
      this.#parts.logger.error('request handler failed after the reply', { error });
    }
    if (this.#open === 0) {
      this.#onIdle?.();
    }
  }

  /**
   * Answers a turn later: a reply at once would let the add-on go on to a request hidden behind this one in the bytes
   * it already has. While this one is unanswered it closes the connection instead.
   */
  #refuse(res: UwsResponse, head: RequestHead, fault: HeaderFault): void {
    this.#parts.logger.debug('request refused', { reason: fault.message });
    const reply = envelope(fault.status, fault.code, fault.message);
    const upload = head.bodyBytes === 0 ? undefined : new UwsBody(res, undefined, this.#parts.pool);
    const exchange = new UwsExchange(res, head, undefined, upload, this.#noBody);
    res.onAborted(() => exchange.markGone());
    setImmediate(() => {
      upload?.cancel();
      if (exchange.isGone) {
        return;
      }
      if (upload !== undefined) {
        void sendLast(exchange, reply);
      } else {
        res.cork(() => sendOneShot(res, 'GET', reply, true));
      }
    });
  }

  #brokenHandler(error: unknown, isClientGone = false): Reply {
    if (!isClientGone || !isAbort(error)) {
      this.#parts.logger.error('request handler failed unexpectedly', { error });
    }
    return envelope(500, 'UNKNOWN', 'unknown error');
  }
}

function envelope(status: number, code: string, message: string): Reply {
  return {
    status,
    headers: [['Content-Type', 'application/json']],
    body: `${JSON.stringify({ errors: [{ code, message }] })}\n`,
  };
}

/** Sends a reply to a client that still sends, drops what comes for a while, and closes the connection. */
async function sendLast(exchange: UwsExchange, reply: Reply): Promise<Sent> {
  const sent = await sendHeld(exchange, reply);
  const { upload } = exchange;
  if (upload !== undefined && !exchange.isGone) {
    upload.dropMore(lingerBytes);
    await completesWithin(upload, exchange, lingerMs);
  }
  exchange.cut(new ClientGoneError('the rest of the body is not wanted'));
  return sent;
}

/** Waits for the rest of an unwanted body, unless it proves long or the client slow. */
function completesWithin(upload: UwsBody, exchange: UwsExchange, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    if (upload.isComplete) {
      resolve(true);
      return;
    }
    const settle = (): void => {
      clearTimeout(timer);
      upload.onSettled = undefined;
      exchange.onGone = undefined;
      resolve(upload.isComplete);
    };
    const timer = setTimeout(settle, ms);
    upload.onSettled = settle;
    exchange.onGone = settle;
  });
}
