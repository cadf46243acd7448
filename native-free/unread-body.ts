/**
 * What to do with the rest of a request body when the answer went out first: take in a bounded rest so that the
 * connection can serve on, or linger a moment before closing so that the client gets to read the answer.
 */

import type { IncomingMessage } from 'node:http';

/** Rests up to this size are read away to keep the connection. */
const keepBytes = 256 * 1024;
/** How much, and for how long, a connection about to close still takes in: closing at once would reset the answer. */
const lingerBytes = 4 * 1024 * 1024;
const lingerMs = 1_000;

/** True when the connection may live on: Node then reads the known, small rest away. */
export function isWorthDraining(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return length !== undefined && Number(length) <= keepBytes;
}

/** Reads and drops until the body's end, the bound, or the connection's end. */
export function drainUnread(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    if (request.complete || request.destroyed) {
      resolve();
      return;
    }
    let droppedBytes = 0;
    const timer = setTimeout(done, lingerMs);
    function onData(chunk: Buffer): void {
      droppedBytes += chunk.length;
      if (droppedBytes > lingerBytes) done();
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
