/**
 * Takes one exchange from the handler's answer to the last byte, the same for HTTP/1 and HTTP/2.
 * Guards the front end against handlers that break their contract, and tells them once when it is over.
 */

import { errorText, isAbort } from '../src/errors.ts';
import type { Reply, RequestHandler } from '../src/http/exchange.ts';
import type { Logger } from '../src/observe/logger.ts';
import type { NodeExchange } from './node-exchange.ts';
import { refusal } from './refusal.ts';
import { type ReplySink, sendReply } from './send-reply.ts';

/** What both protocols of this front end hand their exchanges to. */
export interface ExchangeRunner {
  /** Resolves when the response stream has closed and the handler was told. Never rejects. */
  run(exchange: NodeExchange, sink: ReplySink): Promise<void>;
}

export function createExchangeRunner(handler: RequestHandler, logger: Logger): ExchangeRunner {
  async function replyOf(exchange: NodeExchange): Promise<Reply> {
    try {
      return await handler.handle(exchange);
    } catch (error) {
      if (!exchange.isAborted)
        logger.log('panic', 'request handler failed', { method: exchange.method, error });
      return refusal(500, 'UNKNOWN', 'unknown error');
    }
  }

  function cancelUnsent(reply: Reply): void {
    if (typeof reply.body === 'object' && 'cancel' in reply.body) reply.body.cancel();
  }

  async function run(exchange: NodeExchange, sink: ReplySink): Promise<void> {
    const closed = new Promise<void>((resolve) => sink.stream.once('close', resolve));
    const reply = await replyOf(exchange);
    exchange.body.cancel();
    if (exchange.isAborted) {
      cancelUnsent(reply);
    } else {
      try {
        await sink.prepare();
        exchange.isReplying = true;
        await sendReply(sink, reply, exchange.method, (bytes) => {
          exchange.sentBytes += bytes;
        });
      } catch (error) {
        if (!isAbort(error)) {
          logger.error(`response cut short: ${errorText(error)}`, { path: exchange.path, error });
        }
        sink.cut(error as Error);
      }
    }
    if (!sink.stream.closed) await closed;
    // A body handed over in one call counts only when it went out whole.
    const isStreamed = typeof reply.body === 'object' && 'read' in reply.body;
    handler.finished(exchange, reply, isStreamed || sink.isWhole() ? exchange.sentBytes : 0);
  }

  return { run };
}
