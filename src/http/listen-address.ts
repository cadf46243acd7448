/**
 * Where the registry listens: `http.addr` and `http.net`, or a socket that systemd hands in, as a ListenAddress.
 * Pure parsing, except for the look at a unix socket's path. Used by both front ends and the debug server.
 */

import { lstat, stat, unlink } from 'node:fs/promises';
import { connect, isIPv6 } from 'node:net';
import { dirname } from 'node:path';
import { CodedError, errorText, hasCode } from '../errors.ts';
import type { BoundAddress, ListenAddress } from './exchange.ts';

/** First descriptor that systemd passes on (sd_listen_fds(3)). */
const firstActivatedFd = 3;

/** `sun_path` of unix(7) without the zero at its end; 104 bytes in BSD systems and macOS. */
const maxSocketPathBytes = process.platform === 'linux' ? 107 : 103;

/**
 * Reads `http.addr` by the rules of `http.net`.
 *
 * tcp: `host:port`, `:port` (all interfaces), `[ipv6]:port`; empty means a free port on all interfaces.
 * unix: the path of the socket.
 * @throws CodedError `ADDRESS_INVALID` with a text fit for an operator.
 */
export function parseListenAddress(addr: string, net = 'tcp'): ListenAddress {
  if (net === 'unix') {
    if (addr === '') throw invalid('a unix socket needs a path');
    // The kernel says no more than "invalid", and uWebSockets.js writes past the end of its buffer.
    if (Buffer.byteLength(addr) > maxSocketPathBytes) {
      throw invalid(`${addr}: the path of a socket has at most ${maxSocketPathBytes} bytes`);
    }
    return { kind: 'unix', path: addr };
  }
  if (net !== 'tcp' && net !== '') throw invalid(`unknown address type ${net}, use tcp or unix`);
  if (addr === '') return { kind: 'tcp', host: '', port: 0 };

  const bracketed = /^\[([^\]]*)\]:([^:]*)$/.exec(addr);
  const [, host = '', portText = ''] = bracketed ?? /^([^:]*):([^:]*)$/.exec(addr) ?? [];
  if (bracketed !== null && !isIPv6(host)) throw invalid(`${addr}: ${host} is no IPv6 address`);
  if (bracketed === null && !addr.includes(':')) throw invalid(`${addr}: port missing`);
  if (bracketed === null && addr.split(':').length > 2) {
    throw invalid(`${addr}: too many colons, write an IPv6 address as [::1]:5000`);
  }
  return { kind: 'tcp', host, port: parsePort(addr, portText) };
}

/**
 * The socket that systemd opened for this process, if it did; `http.addr` and `http.net` do not count then.
 * @throws CodedError `ADDRESS_INVALID` when it handed in more than one.
 */
export function activatedAddress(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): ListenAddress | undefined {
  if (Number(env['LISTEN_PID']) !== pid) return undefined;
  const count = Number(env['LISTEN_FDS'] ?? 0);
  if (!Number.isInteger(count) || count < 1) return undefined;
  if (count > 1) throw invalid(`found ${count} socket-activation listeners, only expected 1`);
  return { kind: 'fd', fd: firstActivatedFd };
}

/**
 * Makes room for a unix socket: removes the one that a finished process left behind.
 * @throws CodedError `LISTEN_FAILED` when something else is there, a live server still answers on it, or its folder is
 *         not there.
 */
export async function clearStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw listenFailure({ kind: 'unix', path }, error);
  });
  if (found === undefined) {
    // Listening there would only say "permission denied": libuv makes one error out of both.
    await stat(dirname(path)).catch((error: unknown) => {
      throw listenFailure({ kind: 'unix', path }, error);
    });
    return;
  }
  if (!found.isSocket()) {
    throw new CodedError('LISTEN_FAILED', `file ${path} exists and is not a socket`);
  }
  if (await answers(path)) {
    throw new CodedError('LISTEN_FAILED', `cannot listen on ${path}: another server is using it`);
  }
  await unlink(path).catch((error: unknown) => {
    if (!hasCode(error, 'ENOENT')) throw listenFailure({ kind: 'unix', path }, error);
  });
}

/** The error of a listen call as one line for an operator. */
export function listenFailure(address: ListenAddress, cause: unknown): CodedError {
  const reasons: Record<string, string> = {
    EADDRINUSE: 'address already in use',
    EACCES: 'permission denied',
    EADDRNOTAVAIL: 'no interface of this machine has that address',
    ENOTFOUND: 'the host name is unknown',
    EINVAL: 'not a listening socket',
    ENOENT: 'no such folder',
    ENOTDIR: 'no such folder',
  };
  const code = String((cause as { code?: unknown } | null)?.code ?? '');
  const reason = reasons[code] ?? errorText(cause);
  return new CodedError('LISTEN_FAILED', `cannot listen on ${addressText(address)}: ${reason}`, {
    cause,
  });
}

/** A configured address as an operator would write it. */
export function addressText(address: ListenAddress): string {
  if (address.kind === 'unix') return address.path;
  if (address.kind === 'fd') return `inherited socket ${address.fd}`;
  return hostPort(address.host, address.port);
}

/** A TCP address that a server reports once it listens. */
export function boundTcp(host: string, port: number): BoundAddress {
  return { text: hostPort(host, port), port };
}

function hostPort(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

function parsePort(addr: string, text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) {
    throw invalid(`${addr}: ${text === '' ? 'port missing' : `${text} is no port`}`);
  }
  return port;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

function invalid(message: string): CodedError {
  return new CodedError('ADDRESS_INVALID', `http.addr: ${message}`);
}
