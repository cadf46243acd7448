/**
 * What a handler sees of a request and what it gives back: the one face of both front ends (uws/, native-free/).
 * Handlers return a Reply value and never touch a socket.
 */

import type { ByteSource } from '../bytes.ts';

/**
 * A request's body, as pieces in buffers of the front end's BufferPool.
 *
 * Unlike other sources a piece belongs to the reader once `read` gave it out: pass it on (its whole ArrayBuffer may
 * be transferred to a worker) and hand the same or a returned buffer back with `pool.give` when done with it.
 * `read` rejects with ClientGoneError when the connection ends early; pieces given out before stay valid.
 */
export interface RequestBody extends ByteSource {
  /** From Content-Length; `undefined` with chunked transfer coding. 0 when the request has no body. */
  readonly sizeBytes: number | undefined;
  readonly pool: BufferPool;
  /** A piece that has come already, if any. Nothing more is taken from the client until the next `read`. */
  takeHeld?(): Uint8Array | undefined;
}

/**
 * Buffers of two fixed sizes for request bodies, bounded in number over all connections.
 * `take` gives `undefined` when the bound is reached: the front end then pauses the socket until `onFree` fires.
 */
export interface BufferPool {
  /** @param bodyBytes  Of the body, if known: one that fits gets a small buffer. */
  take(bodyBytes: number | undefined): Uint8Array<ArrayBuffer> | undefined;
  /** Takes back any buffer of the pool's sizes (or a view on one); others are dropped and only counted as returned. */
  give(buffer: Uint8Array): void;
  /** Calls back once, the next time a buffer comes back. */
  onFree(callback: () => void): void;
  readonly outstanding: number;
}

export interface Exchange {
  readonly method: string;
  /** Path as sent, undecoded, without the query; routes decode. */
  readonly path: string;
  /** Query as sent, without the question mark; empty when there is none. */
  readonly rawQuery: string;
  /** `1.0`, `1.1` or `2.0`, for the access log. */
  readonly httpVersion: string;
  /** True when the client's own connection is TLS. */
  readonly isTls: boolean;
  /** TCP peer without port; empty for unix sockets. Ask before the reply is given, or it may be gone. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly receivedAtMs: number;
  /** Value of a header by lower-case name, repeated lines joined with ", " as RFC 9110 5.3 allows. */
  header(name: string): string | undefined;
  readonly body: RequestBody;
  /** Fires with ClientGoneError when the client goes, or with the reason for which the front end gave the request up. */
  readonly signal: AbortSignal;
  /** Belongs to the handler, from `handle` to `finished`. */
  handlerState?: unknown;
}

/** Name and value pairs in the order they go out. Names in the case Go's net/http would print. */
export type ReplyHeaders = readonly (readonly [name: string, value: string])[];

/**
 * A response as a value. Content-Length is written by the front end from `body`, unless `headers` has it (HEAD, 304).
 * With a ByteSource body exactly `sizeBytes` bytes must come; fewer, or a failing source, cuts the connection.
 * The front end cancels a source it does not read to the end. HEAD: handlers leave the body out and set Content-Length.
 */
export type Reply =
  | {
      readonly status: number;
      readonly headers: ReplyHeaders;
      readonly body?: undefined;
    }
  | {
      readonly status: number;
      readonly headers: ReplyHeaders;
      readonly body: Uint8Array | string;
    }
  | {
      readonly status: number;
      readonly headers: ReplyHeaders;
      readonly body: ByteSource;
      readonly sizeBytes: number;
    };

/** What a front end calls for each request. */
export interface RequestHandler {
  /** Never rejects and never throws: failures are replies. A plain value (no promise) saves a turn of the loop. */
  handle(exchange: Exchange): Reply | Promise<Reply>;
  /** After the last byte went out or the connection ended. `sentBytes` counts the body only. */
  finished(exchange: Exchange, reply: Reply | undefined, sentBytes: number): void;
}

export type ListenAddress = (
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'fd'; readonly fd: number }
) & {
  /** Other processes of this registry listen there too: what is found on the address is theirs. */
  readonly isShared?: boolean;
};

export interface BoundAddress {
  /** `127.0.0.1:5000`, `[::1]:5000` or a socket's path. */
  readonly text: string;
  /** 0 for unix sockets. */
  readonly port: number;
}

/** Bounds that both front ends honour; see http/options.ts for the config keys. */
export interface FrontEndLimits {
  readonly maxHeaderBytes: number;
  readonly headerTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** An open exchange that moves no byte in either direction for so long is cut. */
  readonly noProgressTimeoutMs: number;
  readonly maxConnections: number;
}

export interface FrontEnd {
  /** `uWebSockets.js`, `node:http`, … for the start line. */
  readonly name: string;
  /** Port 0 allowed; tests rely on it. Rejects with CodedError `LISTEN_FAILED`, message fit for an operator. */
  listen(address: ListenAddress): Promise<BoundAddress>;
  /** Re-reads certificates (SIGHUP); broken ones keep the old. */
  reload?(): Promise<void>;
  /** Stops accepting, closes idle connections at once, lets running exchanges finish up to graceMs, then cuts. */
  close(graceMs: number): Promise<{ readonly cut: number }>;
}
