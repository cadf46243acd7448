/**
 * One request on the uWS front end: everything read from the native objects at once, since they die with the
 * callback. The front end alone uses the fields that are not part of Exchange.
 */

import { ClientGoneError } from '../../errors.ts';
import type { Exchange, RequestBody } from '../exchange.ts';
import type { UwsBody } from './body-source.ts';
import { peerAddress } from './peer-address.ts';
import { findHeader, type HeaderLines, type RequestHead } from './request-headers.ts';
import type { UwsResponse } from './types.ts';

export class UwsExchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly rawQuery: string;
  readonly httpVersion = '1.1';
  readonly isTls = false;
  /** The add-on does not tell. */
  readonly remotePort = 0;
  readonly receivedAtMs: number;
  readonly body: RequestBody;

  readonly res: UwsResponse;
  /** `undefined` when the request has no body: nothing of it then needs watching. */
  readonly upload: UwsBody | undefined;
  /** The connection ended or was cut: the response object must not be touched any more. */
  isGone = false;
  /** The reply is with uWS: the response object must not be touched any more either. */
  isAnswered = false;
  /** A reply's bytes wait for the client to read. */
  isSendBlocked = false;
  progressAtMs: number;
  /** Its number with KeepAwake, while that watches it. */
  awakeNumber: number | undefined;
  /** Wakes whoever sends when the connection ends. */
  onGone: (() => void) | undefined;

  readonly #lines: HeaderLines;
  #remoteAddress: string | undefined;
  #controller: AbortController | undefined;
  #goneReason: unknown;

  constructor(
    res: UwsResponse,
    head: RequestHead,
    peer: string | undefined,
    upload: UwsBody | undefined,
    noBody: RequestBody,
  ) {
    this.method = head.method;
    this.path = head.path;
    this.rawQuery = head.rawQuery;
    this.receivedAtMs = Date.now();
    this.progressAtMs = this.receivedAtMs;
    this.body = upload ?? noBody;
    this.res = res;
    this.upload = upload;
    this.#lines = head.lines;
    this.#remoteAddress = peer;
  }

  header(name: string): string | undefined {
    return findHeader(this.#lines, name);
  }

  /** Unless known before: asked of the add-on when first wanted, 3 to 6 µs; empty if that is after the reply. */
  get remoteAddress(): string {
    this.#remoteAddress ??=
      this.isGone || this.isAnswered ? '' : peerAddress(this.res.getRemoteAddressAsText());
    return this.#remoteAddress;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.isGone) {
        this.#controller.abort(this.#goneReason);
      }
    }
    return this.#controller.signal;
  }

  /** Why the connection ended, for whoever has to cancel something. */
  get goneReason(): unknown {
    return this.#goneReason;
  }

  /** True while only the client can move the exchange on, so that its no-progress clock runs. */
  get isWaitingForClient(): boolean {
    return this.isSendBlocked || (this.upload !== undefined && !this.upload.isComplete);
  }

  /** Marks the connection as ended and tells everyone who waits. Safe to call twice; the first reason stays. */
  markGone(reason: unknown = new ClientGoneError()): void {
    if (this.isGone || this.isAnswered) {
      return;
    }
    this.isGone = true;
    this.#goneReason = reason;
    this.upload?.fail(reason);
    this.#controller?.abort(reason);
    this.onGone?.();
  }

  /** Cuts the connection. */
  cut(reason: unknown): void {
    if (!this.isGone && !this.isAnswered) {
      this.markGone(reason);
      this.res.close();
    }
  }
}
