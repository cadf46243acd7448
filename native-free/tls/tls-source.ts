/**
 * What the front end needs to know of TLS: options for new connections, how they change, and whom to turn away.
 * Made by file-source.ts (certificate files) or acme-source.ts (Let's Encrypt); knows no HTTP.
 */

import type { SecureContextOptions, TLSSocket, TlsOptions } from 'node:tls';

export interface TlsSource {
  /** Options of the first connections, SNI callback included; no ALPN. */
  readonly options: TlsOptions;
  /** Calls back with the options of all connections from then on; open ones keep theirs. */
  onReload(apply: (options: SecureContextOptions) => void): void;
  /** Why a client that finished its handshake is still not welcome; `undefined` when it is. */
  refusal(socket: TLSSocket): string | undefined;
  /** Options for handshakes that ask for `acme-tls/1`, when certificates are proved that way (RFC 8737). */
  readonly challengeOptions?: TlsOptions;
  /** Loads what is needed before the first connection and watches it. The front end calls it before it listens. */
  start(): Promise<void>;
  /** The front end listens: certificates that are proved over its port can be ordered. */
  listening(): void;
  /** Reads the files again now, as on SIGHUP. A broken set keeps the old one and is logged. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}
