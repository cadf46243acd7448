/**
 * HTTP/2 in clear text on a port that also speaks HTTP/1.1, by prior knowledge alone. Not by `Upgrade: h2c`: a proxy that
 * passes that on takes what follows for a tunnel, and clients reach whatever it was to keep from them.
 */

import type { Socket } from 'node:net';
import { judgeFirstBytes } from './first-bytes.ts';

const clientPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Tells from the first bytes whether a clear text client speaks HTTP/2. `undefined`: it went. */
export function sniffProtocol(
  socket: Socket,
  timeoutMs: number,
): Promise<'http1' | 'http2' | undefined> {
  return judgeFirstBytes(socket, { timeoutMs, limitBytes: clientPreface.length }, (bytes) => {
    const known = bytes.subarray(0, clientPreface.length);
    if (!known.equals(clientPreface.subarray(0, known.length))) return 'http1';
    return known.length === clientPreface.length ? 'http2' : undefined;
  });
}
