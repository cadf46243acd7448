/**
 * The address of the client behind proxies, for logs, events and the cloudfront filter (not for the access log, which
 * shows the peer). Believes the headers as Distribution does: whoever can reach the port can set them.
 */

import { isIP } from 'node:net';
import type { Logger } from './logger.ts';

/** The part of a request that tells where it came from; http's Exchange fits. */
export interface AddressedRequest {
  readonly remoteAddress: string;
  readonly remotePort: number;
  header(name: string): string | undefined;
}

export interface ClientAddress {
  /** `192.0.2.1` from a header, `192.0.2.1:40012` of the peer, empty for unix sockets. */
  readonly text: string;
  /** A header that was passed over since it holds no address. */
  readonly invalid?: { readonly header: string; readonly value: string };
}

/** The first entry of X-Forwarded-For if it is an address, else X-Real-Ip if it is one, else the peer. */
export function clientAddress(request: AddressedRequest): ClientAddress {
  const forwarded = request.header('x-forwarded-for');
  const realIp = request.header('x-real-ip');
  const first = forwarded?.split(',', 1)[0]?.trim() ?? '';
  if (isIP(first) !== 0) {
    return { text: first };
  }
  const invalid =
    first === '' ? undefined : { invalid: { header: 'X-Forwarded-For', value: first } };
  const real = realIp?.trim() ?? '';
  if (isIP(real) !== 0) {
    return { text: real, ...invalid };
  }
  const fault = real === '' ? undefined : { invalid: { header: 'X-Real-Ip', value: real } };
  return { text: peerAddress(request), ...(invalid ?? fault) };
}

function isForwarded(request: AddressedRequest): boolean {
  return (
    request.header('x-forwarded-for') !== undefined || request.header('x-real-ip') !== undefined
  );
}

/** `ip:port`, IPv6 in brackets. */
export function peerAddress(request: AddressedRequest): string {
  const { remoteAddress: address, remotePort: port } = request;
  if (address === '') {
    return '';
  }
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

const quietMs = 60_000;

/** `clientAddress` as text, with a warning about headers that hold no address, once a minute at most. */
export function createClientAddresses(
  logger: Logger,
  now: () => number = Date.now,
): (request: AddressedRequest) => string {
  let warnedAtMs = Number.NEGATIVE_INFINITY;
  // Behind a balancer, and where the port is not known, the next request has the peer of the one before.
  let address: string | undefined;
  let port = 0;
  let peerText = '';
  return (request) => {
    if (!isForwarded(request)) {
      if (request.remoteAddress !== address || request.remotePort !== port) {
        ({ remoteAddress: address, remotePort: port } = request);
        peerText = peerAddress(request);
      }
      return peerText;
    }
    const { text, invalid } = clientAddress(request);
    if (invalid !== undefined && now() - warnedAtMs >= quietMs) {
      warnedAtMs = now();
      logger.warn(`${invalid.header} of a request holds no IP address`, {
        value: invalid.value.slice(0, 128),
        peer: peerAddress(request),
      });
    }
    return text;
  };
}
