/**
 * Reads the protocols a TLS client offers out of its first record. Needed for `acme-tls/1` alone: Node asks for the
 * certificate by name before it tells which protocols were offered.
 */

import type { Socket } from 'node:net';
import { judgeFirstBytes } from './first-bytes.ts';

const recordHeaderBytes = 5;
const handshakeRecord = 22;
/** Plain record fragments are at most this long (RFC 8446 5.1). */
const maxRecordBytes = 16_384;
const alpnExtension = 16;

/** The ALPN names offered; empty when there are none or this is no TLS. `undefined`: the client went. */
export function sniffAlpn(
  socket: Socket,
  timeoutMs: number,
): Promise<readonly string[] | undefined> {
  const bounds = { timeoutMs, limitBytes: recordHeaderBytes + maxRecordBytes };
  return judgeFirstBytes(socket, bounds, (bytes) => {
    if (bytes[0] !== handshakeRecord) return [];
    if (bytes.length < recordHeaderBytes) return undefined;
    const end = recordHeaderBytes + bytes.readUInt16BE(3);
    if (end > recordHeaderBytes + maxRecordBytes) return [];
    return bytes.length < end
      ? undefined
      : offeredProtocols(bytes.subarray(recordHeaderBytes, end));
  });
}

/** Parses a ClientHello message (RFC 8446 4.1.2, RFC 7301 3.1); anything odd is left for OpenSSL to refuse. */
export function offeredProtocols(hello: Buffer): readonly string[] {
  try {
    const sessionIdAt = 4 + 2 + 32;
    const suitesAt = sessionIdAt + 1 + hello.readUInt8(sessionIdAt);
    const compressionAt = suitesAt + 2 + hello.readUInt16BE(suitesAt);
    let at = compressionAt + 1 + hello.readUInt8(compressionAt);
    const end = at + 2 + hello.readUInt16BE(at);
    for (at += 2; at + 4 <= end; at += 4 + hello.readUInt16BE(at + 2)) {
      if (hello.readUInt16BE(at) === alpnExtension) return protocolNames(hello, at + 4);
    }
  } catch (error) {
    // Past the end: cut short, or split over records.
    if (!(error instanceof RangeError)) throw error;
  }
  return [];
}

function protocolNames(hello: Buffer, listAt: number): readonly string[] {
  const names: string[] = [];
  const end = listAt + 2 + hello.readUInt16BE(listAt);
  for (let at = listAt + 2; at < end; at += 1 + hello.readUInt8(at)) {
    names.push(hello.toString('latin1', at + 1, at + 1 + hello.readUInt8(at)));
  }
  return names;
}
