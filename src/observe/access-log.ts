/**
 * The access log: one line per request in Apache combined format, whatever the application log's level and format.
 * Covers the main server, HEAD and failures included; http calls `write` when an exchange has ended.
 */

import { createApacheTime, escapeLikeGo } from './go-text.ts';
import type { LineWriter } from './line-writer.ts';
import { maskedTarget, maskQuery } from './mask-query.ts';

/** What a line shows. Header values as sent; absent ones print as `""`. */
export interface AccessFields {
  /** TCP peer, not what a proxy claims; empty (unix sockets) prints as `-`. */
  readonly remoteAddress: string;
  /** `-` in practice: the user of Basic or Bearer credentials is not shown. */
  readonly user?: string;
  /** `25/Nov/2026:03:07:27 +0000`, when the request arrived. */
  readonly time: string;
  readonly method: string;
  readonly target: string;
  /** `1.0`, `1.1` or `2.0`. */
  readonly httpVersion: string;
  readonly status: number;
  readonly bodyBytes: number;
  readonly referer: string | undefined;
  readonly userAgent: string | undefined;
}

/** One line, newline included. Whatever a client sent is backslash-escaped, so that it cannot forge a line. */
export function accessLine(fields: AccessFields): string {
  const peer = fields.remoteAddress === '' ? '-' : fields.remoteAddress;
  const user = fields.user === undefined ? '-' : escapeLikeGo(fields.user);
  const request = `${escapeLikeGo(fields.method)} ${escapeLikeGo(fields.target)} HTTP/${fields.httpVersion}`;
  const referer = escapeLikeGo(fields.referer ?? '');
  const agent = escapeLikeGo(fields.userAgent ?? '');
  return `${peer} - ${user} [${fields.time}] "${request}" ${fields.status} ${fields.bodyBytes} "${referer}" "${agent}"\n`;
}

/** The part of a request that a line shows; http's Exchange fits. */
export interface AccessedRequest {
  readonly method: string;
  readonly path: string;
  readonly rawQuery: string;
  readonly httpVersion: string;
  readonly remoteAddress: string;
  readonly receivedAtMs: number;
  header(name: string): string | undefined;
}

export class AccessLog {
  readonly #writer: LineWriter;
  readonly #timeText: (timeMs: number) => string = createApacheTime();

  /** @param writer  Closed by `close`; its timer is the bound within which lines appear. */
  constructor(writer: LineWriter) {
    this.#writer = writer;
  }

  /** @param sentBytes  Body bytes that went out: 0 for HEAD, less than announced for a broken connection. */
  write(request: AccessedRequest, status: number, sentBytes: number): void {
    this.#writer.write(
      accessLine({
        remoteAddress: request.remoteAddress,
        time: this.#timeText(request.receivedAtMs),
        method: request.method,
        target: maskedTarget(request.path, request.rawQuery),
        httpVersion: request.httpVersion,
        status,
        bodyBytes: sentBytes,
        referer: maskQuery(request.header('referer') ?? ''),
        userAgent: request.header('user-agent'),
      }),
    );
  }

  close(): Promise<void> {
    return this.#writer.close();
  }
}
