/**
 * The access log: one line per request in Apache combined format, whatever the application log's level and format.
 * Covers the main server, HEAD and failures included; http calls `write` when an exchange has ended.
 */

import { createApacheTime, escapeLikeGo } from './go-text.ts';
import type { LineAlso, LineOutput, LinePieces, OfValues } from './line-output.ts';
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
 * A formatter of lines. Whatever a client sent is backslash-escaped, so that it cannot forge a line. Keeps the texts of
 * the line before: peer and second, referer and agent are mostly the same again.
 */
export function createAccessLines(): (fields: AccessFields) => LinePieces {
  let last: AccessFields | undefined;
  const pieces: string[] = ['', '', '', ''];
  return (fields) => {
    const { httpVersion, method, referer, remoteAddress: peer, target, time, user } = fields;
    if (time !== last?.time || peer !== last?.remoteAddress || user !== last?.user) {
      pieces[0] = `${peer === '' ? '-' : peer} - ${user === undefined ? '-' : escapeLikeGo(user)} [${time}] "`;
    }
    if (target !== last?.target || method !== last?.method || httpVersion !== last?.httpVersion) {
      pieces[1] = `${escapeLikeGo(method)} ${escapeLikeGo(target)} HTTP/${httpVersion}`;
    }
    if (fields.status !== last?.status || fields.bodyBytes !== last?.bodyBytes) {
      pieces[2] = `" ${fields.status} ${fields.bodyBytes}`;
    }
    if (last === undefined || referer !== last.referer || fields.userAgent !== last.userAgent) {
      pieces[3] = ` "${escapeLikeGo(referer ?? '')}" "${escapeLikeGo(fields.userAgent ?? '')}"\n`;
    }
    last = fields;
    return pieces;
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

/** Where the values of a line stand among those that are given. */
export interface AccessPlaces {
  readonly remoteAddress: number;
  readonly method: number;
  readonly target: number;
  readonly httpVersion: number;
  readonly status: number;
  readonly bodyBytes: number;
  readonly referer: number;
  readonly userAgent: number;
  /** When the request arrived; else the time that is given with the values is that. */
  readonly receivedAtMs?: number;
}

/** As `AccessLog.write` gives them. */
const ownPlaces: AccessPlaces = {
  remoteAddress: 0,
  method: 1,
  target: 2,
  httpVersion: 3,
  status: 4,
  bodyBytes: 5,
  referer: 6,
  userAgent: 7,
};

export function accessLinePieces(places: AccessPlaces = ownPlaces): OfValues<LinePieces> {
  const line = createAccessLines();
  const timeText = createApacheTime();
  const { receivedAtMs } = places;
  return (timeMs, values) =>
    line({
      remoteAddress: values[places.remoteAddress] as string,
      time: timeText(receivedAtMs === undefined ? timeMs : (values[receivedAtMs] as number)),
      method: values[places.method] as string,
      target: values[places.target] as string,
      httpVersion: values[places.httpVersion] as string,
      status: values[places.status] as number,
      bodyBytes: values[places.bodyBytes] as number,
      referer: values[places.referer] as string | undefined,
      userAgent: values[places.userAgent] as string | undefined,
    });
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
    const values = [
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

  /** The line as one that is made of another line's values. */
  lineFrom(places: AccessPlaces): LineAlso {
    return { output: this.#output, recipe: { kind: 'access', places } };
  }

  close(): Promise<void> {
    return this.#output.close();
  }
}
