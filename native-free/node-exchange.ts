/**
 * One request of Node's HTTP servers as an Exchange. HTTP/1 and HTTP/2 differ in how the fields are found, not here.
 * Also carries what the front end needs to end it: body, abort, and a mark that the handler was told it is over.
 */

import { ClientGoneError } from '../src/errors.ts';
import type { Exchange, RequestBody } from '../src/http/exchange.ts';
import type { StreamBody } from './body-source.ts';

export interface ExchangeFields {
  readonly method: string;
  /** Path and query, or an absolute URL as proxies send it. */
  readonly target: string;
  readonly httpVersion: string;
  readonly isTls: boolean;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** By lower-case name. */
  readonly header: (name: string) => string | undefined;
  readonly body: RequestBody | StreamBody;
}

export class NodeExchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly rawQuery: string;
  readonly httpVersion: string;
  readonly isTls: boolean;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly receivedAtMs: number = Date.now();
  readonly body: RequestBody;
  readonly #header: (name: string) => string | undefined;
  readonly #authority: string | undefined;
  #controller: AbortController | undefined;
  #abortReason: unknown;

  constructor(fields: ExchangeFields) {
    const { authority, path, rawQuery } = splitTarget(fields.target);
    this.method = fields.method;
    this.path = path;
    this.rawQuery = rawQuery;
    this.httpVersion = fields.httpVersion;
    this.isTls = fields.isTls;
    this.remoteAddress = fields.remoteAddress;
    this.remotePort = fields.remotePort;
    this.body = fields.body;
    this.#header = fields.header;
    this.#authority = authority;
  }

  header(name: string): string | undefined {
    // RFC 9112 3.2.2: the authority of an absolute-form target replaces Host.
    if (name === 'host' && this.#authority !== undefined) return this.#authority;
    return this.#header(name);
  }

  /** Made on first use: most handlers of small requests never look at it. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  get isAborted(): boolean {
    return this.#abortReason !== undefined;
  }

  /** Set by the front end once the reply goes out. */
  isReplying = false;
  /** Of the reply's body. */
  sentBytes = 0;

  /** In both directions, as far as is known. */
  get movedBytes(): number {
    return this.sentBytes + ((this.body as Partial<StreamBody>).receivedBytes ?? 0);
  }

  /** True when only the client can move this exchange on: it should send, or take what is sent. */
  get isWaitingForClient(): boolean {
    return this.isReplying || (this.body as Partial<StreamBody>).isWaitingForClient === true;
  }

  /** Ends the exchange from the front end's side. The first reason stays. */
  abort(reason: ClientGoneError): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    if ('fail' in this.body) (this.body as StreamBody).fail(reason);
    this.#controller?.abort(reason);
  }
}

interface Target {
  readonly authority: string | undefined;
  readonly path: string;
  readonly rawQuery: string;
}

/** Splits a request target (RFC 9112 3.2) without decoding anything. */
export function splitTarget(target: string): Target {
  const absolute = /^https?:\/\/([^/?#]*)/i.exec(target);
  const rest = absolute === null ? target : target.slice(absolute[0].length);
  const questionMark = rest.indexOf('?');
  const path = questionMark < 0 ? rest : rest.slice(0, questionMark);
  return {
    authority: absolute?.[1],
    path: path === '' ? '/' : path,
    rawQuery: questionMark < 0 ? '' : rest.slice(questionMark + 1),
  };
}

/** Why an exchange was given up although the client is still there. */
export function noProgress(limitMs: number): ClientGoneError {
  return new ClientGoneError(`no byte moved for ${Math.round(limitMs / 1000)} s`);
}
