/**
 * The access log: one line per request in Apache combined format, whatever the application log's level and format.
 * Covers the main server, HEAD and failures included; http calls `write` when an exchange has ended.
 */

import { createApacheTime, escapeLikeGo } from './go-text.ts';
import type { LineOutput, OfValues } from './line-output.ts';
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

/** Values of a line: peer, method, target, HTTP version, status, body bytes, Referer, User-Agent. */
type AccessValues = readonly [
  string,
  string,
  string,
  string,
  number,
  number,
  string | undefined,
  string | undefined,
];

/** Prints lines from their values and the time at which the request arrived. */
export function accessLineMaker(): OfValues<string> {
  const line = createAccessLines();
  const timeText = createApacheTime();
  return (timeMs, values) => {
    const [remoteAddress, method, target, httpVersion, status, bodyBytes, referer, userAgent] =
      values as AccessValues;
    return line({
      remoteAddress,
      time: timeText(timeMs),
      method,
      target,
      httpVersion,
      status,
      bodyBytes,
      referer,
      userAgent,
    });
  };
}

export class AccessLog {
  readonly #output: LineOutput;
  readonly #writeLine: OfValues<void>;

  /** @param output  Closed by `close`; its timer is the bound within which lines appear. */
  constructor(output: LineOutput) {
    this.#output = output;
    this.#writeLine = output.prepare({ kind: 'access' });
  }

  /** @param sentBytes  Body bytes that went out: 0 for HEAD, less than announced for a broken connection. */
  write(request: AccessedRequest, status: number, sentBytes: number): void {
    const values: AccessValues = [
      request.remoteAddress,
      request.method,
      maskedTarget(request.path, request.rawQuery),
      request.httpVersion,
      status,
      sentBytes,
      maskQuery(request.header('referer') ?? ''),
      request.header('user-agent'),
    ];
    this.#writeLine(request.receivedAtMs, values);
  }

  close(): Promise<void> {
    return this.#output.close();
  }
}
