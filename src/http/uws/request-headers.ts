/**
 * Reads a request's head once and judges its framing. uWS itself takes the first of two Content-Lengths and any
 * Transfer-Encoding as chunked, which lets a request be smuggled past a proxy; what is doubtful is refused here.
 */

import type { UwsRequest } from './types.ts';

/** Name, value, name, value…, names in lower case: cheaper than a Map for the ten or so lines of a request. */
export type HeaderLines = readonly string[];

export interface RequestHead {
  readonly method: string;
  readonly path: string;
  /** Without the question mark; empty when there is none. */
  readonly rawQuery: string;
  readonly lines: HeaderLines;
  /** 0 without a body, `undefined` with chunked transfer coding. */
  readonly bodyBytes: number | undefined;
  readonly fault: HeaderFault | undefined;
}

/** A refusal of the whole connection: after doubtful framing nobody knows where the next request begins. */
export interface HeaderFault {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** Two spaces, a question mark and `HTTP/1.1` with its line break; the empty line at the end. */
const aroundTargetBytes = 15;

let lines: string[] = [];
let headBytes = 0;
let hostCount = 0;
let contentLength: string | undefined;
let contentLengthCount = 0;
let transferEncoding: string | undefined;

// One shared callback and the state above spare a closure per request; forEach runs to its end before anything else.
function collect(name: string, value: string): void {
  lines.push(name, value);
  headBytes += name.length + value.length + 4;
  if (name === 'content-length') {
    contentLength = value;
    contentLengthCount += 1;
  } else if (name === 'transfer-encoding') {
    transferEncoding = transferEncoding === undefined ? value : `${transferEncoding}, ${value}`;
  } else if (name === 'host') {
    hostCount += 1;
  }
}

export function readRequestHead(request: UwsRequest, maxHeaderBytes: number): RequestHead {
  const method = request.getCaseSensitiveMethod();
  const path = request.getUrl();
  const rawQuery = request.getQuery() ?? '';
  lines = [];
  headBytes = method.length + path.length + rawQuery.length + aroundTargetBytes;
  hostCount = 0;
  contentLength = undefined;
  contentLengthCount = 0;
  transferEncoding = undefined;
  request.forEach(collect);
  const fault = findFault(maxHeaderBytes);
  const bodyBytes =
    transferEncoding !== undefined
      ? undefined
      : contentLength === undefined
        ? 0
        : Number(contentLength);
  return { method, path, rawQuery, lines, bodyBytes, fault };
}

function findFault(maxHeaderBytes: number): HeaderFault | undefined {
  if (headBytes > maxHeaderBytes) {
    return {
      status: 431,
      code: 'HEADERS_TOO_LARGE',
      message: `request header is longer than ${maxHeaderBytes} bytes`,
    };
  }
  if (hostCount > 1) {
    return badRequest('more than one Host header');
  }
  if (contentLengthCount > 1) {
    return badRequest('more than one Content-Length');
  }
  // 15 digits stay below Number.MAX_SAFE_INTEGER.
  if (contentLength !== undefined && !/^\d{1,15}$/.test(contentLength)) {
    return badRequest('invalid Content-Length');
  }
  if (transferEncoding === undefined) {
    return undefined;
  }
  if (contentLength !== undefined) {
    return badRequest('both Content-Length and Transfer-Encoding');
  }
  if (transferEncoding.toLowerCase() !== 'chunked') {
    return {
      status: 501,
      code: 'UNSUPPORTED',
      message: 'the only supported Transfer-Encoding is chunked',
    };
  }
  return undefined;
}

function badRequest(message: string): HeaderFault {
  return { status: 400, code: 'BAD_REQUEST', message };
}

/** @param name  In lower case. Repeated lines come joined with ", ". */
export function findHeader(from: HeaderLines, name: string): string | undefined {
  let found: string | undefined;
  for (let index = 0; index < from.length; index += 2) {
    if (from[index] === name) {
      const value = from[index + 1];
      found = found === undefined ? value : `${found}, ${value}`;
    }
  }
  return found;
}
