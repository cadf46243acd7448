/**
 * HTTP/2 in clear text on a port that also speaks HTTP/1.1: by prior knowledge, and by `Upgrade: h2c`.
 * Node cannot start a session from an upgraded request, so the request is put into the session's input as a frame.
 */

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { judgeFirstBytes } from './first-bytes.ts';

const clientPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const frameHeaderBytes = 9;
const settingsFrame = 4;
const headersFrame = 1;
/** END_STREAM and END_HEADERS. */
const wholeRequest = 0x05;
/** Largest frame that a peer takes before it said otherwise (RFC 9113 4.2). */
const maxFrameBytes = 16_384;

const notForwarded = new Set([
  'connection',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'upgrade',
]);

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

/**
 * True for a request that asks for h2c and that we can move over: without a body, as every client known sends it
 * (RFC 7540 3.2 lets a server ignore the wish otherwise).
 */
export function wantsH2c(request: IncomingMessage): boolean {
  const { headers } = request;
  const asks = /(?:^|,)\s*h2c\s*(?:,|$)/i.test(headers.upgrade ?? '');
  const settings = headers['http2-settings'];
  const isSettings = typeof settings === 'string' && /^[\w-]*={0,2}$/.test(settings);
  const hasBody =
    headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  return asks && isSettings && !hasBody && headerBlock(request).length <= maxFrameBytes;
}

/**
 * Switches the connection over. Afterwards the socket's input starts with the client's preface and settings, then the
 * request as stream 1, ready for an HTTP/2 session.
 *
 * @returns False when the client did not follow with HTTP/2; the socket is then destroyed.
 */
export async function switchToH2c(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  timeoutMs: number,
): Promise<boolean> {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
  if (head.length > 0) socket.unshift(head);
  const bounds = { timeoutMs, limitBytes: clientPreface.length + frameHeaderBytes + maxFrameBytes };
  const settingsEnd = await judgeFirstBytes(socket, bounds, endOfSettings);
  if (settingsEnd === undefined) return false;
  const input = socket.read() as Buffer | null;
  if (settingsEnd < 0 || input === null) {
    socket.destroy();
    return false;
  }
  socket.unshift(
    Buffer.concat([
      input.subarray(0, settingsEnd),
      frame(headersFrame, wholeRequest, 1, headerBlock(request)),
      input.subarray(settingsEnd),
    ]),
  );
  return true;
}

/** The bytes of an upgrade request that is to be served as if it had asked for nothing. */
export function withoutUpgrade(request: IncomingMessage): Buffer {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i] ?? '';
    if (/^(upgrade|http2-settings)$/i.test(name)) continue;
    let value = request.rawHeaders[i + 1] ?? '';
    if (name.toLowerCase() === 'connection') {
      const kept = value
        .split(',')
        .filter((item) => !/^\s*(upgrade|http2-settings)\s*$/i.test(item));
      if (kept.length === 0) continue;
      value = kept.join(',').trim();
    }
    lines.push(`${name}: ${value}`);
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

function endOfSettings(bytes: Buffer): number | undefined {
  const known = bytes.subarray(0, clientPreface.length);
  if (!known.equals(clientPreface.subarray(0, known.length))) return -1;
  if (bytes.length < clientPreface.length + frameHeaderBytes) return undefined;
  const lengthBytes = bytes.readUIntBE(clientPreface.length, 3);
  if (bytes[clientPreface.length + 3] !== settingsFrame || lengthBytes > maxFrameBytes) return -1;
  const end = clientPreface.length + frameHeaderBytes + lengthBytes;
  return bytes.length < end ? undefined : end;
}

function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

function headerBlock(request: IncomingMessage): Buffer {
  const fields: [string, string][] = [
    [':method', request.method ?? 'GET'],
    [':scheme', 'http'],
    [':path', request.url ?? '/'],
    [':authority', request.headers.host ?? ''],
  ];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = (request.rawHeaders[i] ?? '').toLowerCase();
    if (!notForwarded.has(name)) fields.push([name, request.rawHeaders[i + 1] ?? '']);
  }
  return Buffer.concat(fields.map(([name, value]) => literalField(name, value)));
}

/** A literal header field without indexing (RFC 7541 6.2.2). */
function literalField(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0), literalString(name), literalString(value)]);
}

function literalString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([prefixedInteger(bytes.length), bytes]);
}

/** An integer with a 7-bit prefix, the Huffman bit clear (RFC 7541 5.1). */
function prefixedInteger(value: number): Buffer {
  if (value < 127) return Buffer.of(value);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
