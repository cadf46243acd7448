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

/**
 * A formatter of lines, newline included. Whatever a client sent is backslash-escaped, so that it cannot forge a line.
 * Keeps the texts of the line before: peer and second, referer and agent are mostly the same again.
 */
export function createAccessLines(): (fields: AccessFields) => string {
  let peer = '';
  let user: string | undefined;
  let time = '';
  let head = '';
  let referer: string | undefined;
  let agent: string | undefined;
  let tail = ' "" ""\n';
  return (fields) => {
    if (fields.time !== time || fields.remoteAddress !== peer || fields.user !== user) {
      ({ time, remoteAddress: peer, user } = fields);
      head = `${peer === '' ? '-' : peer} - ${user === undefined ? '-' : escapeLikeGo(user)} [${time}] "`;
    }
    if (fields.referer !== referer || fields.userAgent !== agent) {
      ({ referer, userAgent: agent } = fields);
      tail = ` "${escapeLikeGo(referer ?? '')}" "${escapeLikeGo(agent ?? '')}"\n`;
    }
    const request = `${escapeLikeGo(fields.method)} ${escapeLikeGo(fields.target)} HTTP/${fields.httpVersion}`;
    return `${head}${request}" ${fields.status} ${fields.bodyBytes}${tail}`;
  };
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
  readonly #line: (fields: AccessFields) => string = createAccessLines();
  readonly #timeText: (timeMs: number) => string = createApacheTime();

  /** @param writer  Closed by `close`; its timer is the bound within which lines appear. */
  constructor(writer: LineWriter) {
    this.#writer = writer;
  }

  /** @param sentBytes  Body bytes that went out: 0 for HEAD, less than announced for a broken connection. */
  write(request: AccessedRequest, status: number, sentBytes: number): void {
    this.#writer.write(
      this.#line({
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
