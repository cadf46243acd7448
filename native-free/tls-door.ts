/**
 * Turns accepted TCP connections into decrypted ones: TLS server, ALPN, client certificates, reloads.
 * Hands each on with the protocol agreed; answers ACME's challenge handshakes by itself.
 */

import type { Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { errorText } from '../src/errors.ts';
import type { Logger } from '../src/observe/logger.ts';
import { sniffAlpn } from './client-hello.ts';
import type { TlsSource } from './tls/tls-source.ts';

const acmeProtocol = 'acme-tls/1';

export interface TlsDoorOptions {
  readonly source: TlsSource;
  /** Offers HTTP/2 beside HTTP/1.1. */
  readonly http2: boolean;
  readonly handshakeTimeoutMs: number;
  readonly logger: Logger;
  /** Takes a connection over after its handshake. */
  readonly onConnection: (socket: TLSSocket, protocol: 'http1' | 'http2') => void;
}

export interface TlsDoor {
  accept(raw: Socket): void;
}

/** Call after `source.start()`. */
export function createTlsDoor(options: TlsDoorOptions): TlsDoor {
  const { source, logger, handshakeTimeoutMs } = options;
  const server = createServer({
    ...source.options,
    handshakeTimeout: handshakeTimeoutMs,
    ALPNProtocols: options.http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
  });
  source.onReload((context) => server.setSecureContext(context));
  server.on('tlsClientError', (error, socket) => {
    logger.debug('TLS handshake failed', {
      error: errorText(error),
      remote: socket.remoteAddress,
    });
    // Node leaves it open when the handshake took too long.
    socket.destroy();
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    const refusal = source.refusal(socket);
    if (refusal !== undefined) {
      logger.debug('TLS client refused', { reason: refusal, remote: socket.remoteAddress });
      socket.destroy();
      return;
    }
    options.onConnection(socket, socket.alpnProtocol === 'h2' ? 'http2' : 'http1');
  });

  const challenges =
    source.challengeOptions === undefined
      ? undefined
      : createServer({
          ...source.challengeOptions,
          handshakeTimeout: handshakeTimeoutMs,
          ALPNProtocols: [acmeProtocol],
        });
  challenges?.on('secureConnection', (socket: TLSSocket) => socket.end());
  challenges?.on('tlsClientError', (error, socket) => {
    logger.debug('ACME challenge handshake failed', { error: errorText(error) });
    socket.destroy();
  });

  return {
    accept(raw: Socket): void {
      if (challenges === undefined) {
        server.emit('connection', raw);
        return;
      }
      void sniffAlpn(raw, handshakeTimeoutMs).then((protocols) => {
        if (protocols === undefined) return;
        (protocols.includes(acmeProtocol) ? challenges : server).emit('connection', raw);
      });
    },
  };
}
