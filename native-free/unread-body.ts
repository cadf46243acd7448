/**
 * What to do with the rest of a request body when the answer went out first: take in a bounded rest so that the
 * connection can serve on, or linger a moment before closing so that the client gets to read the answer.
 */

import type { IncomingMessage } from 'node:http';
import { lingerBytes, lingerMs } from '../src/http/linger.ts';

/** Rests up to this size are read away to keep the connection, as by the native front end. */
const keepBytes = 1024 * 1024;
/** How long a chunked body may take to turn out to be small. */
const keepMs = 100;

/** True when the connection may live on: Node then reads the known, small rest away. */
export function isWorthDraining(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return length !== undefined && Number(length) <= keepBytes;
}

/** Reads a body of unknown length away if it is small and there already: only then can its connection be kept. */
export function drainSmall(request: IncomingMessage): Promise<void> {
  return drain(request, keepBytes, keepMs);
}

/** Reads and drops until the body's end or the connection's, within bounds, before the connection is closed. */
export function linger(request: IncomingMessage): Promise<void> {
  return drain(request, lingerBytes, lingerMs);
}

function drain(request: IncomingMessage, limitBytes: number, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    if (request.complete || request.destroyed) {
      resolve();
      return;
    }
    let droppedBytes = 0;
    const timer = setTimeout(done, limitMs);
    function onData(chunk: Buffer): void {
      droppedBytes += chunk.length;
      if (droppedBytes > limitBytes) done();
    }
    function done(): void {
      clearTimeout(timer);
      request.removeListener('data', onData);
      request.removeListener('end', done);
      request.removeListener('close', done);
      request.pause();
      resolve();
    }
    request.on('data', onData);
    request.once('end', done);
    request.once('close', done);
    request.resume();
  });
}
