/**
 * Orders one certificate for one host from an ACME server (RFC 8555), proving the host over TLS (tls-alpn-01) or, when
 * that fails, over plain HTTP on port 80 (http-01). Keeps nothing: acme-source.ts decides when to order.
 */

import { createServer, type Server } from 'node:http';
import { createSecureContext, type SecureContext } from 'node:tls';
import acme, { type Authorization } from 'acme-client';
import { errorText } from '../../src/errors.ts';
import type { ListenAddress } from '../../src/http/exchange.ts';
import type { Logger } from '../../src/observe/logger.ts';
import type { AcmeCache, HostCertificate } from './acme-cache.ts';

/** Bound on one call to the ACME server; the library has none. */
const callTimeoutMs = 30_000;
const challengePath = '/.well-known/acme-challenge/';

export interface AcmeOrderParts {
  readonly directoryUrl: string;
  readonly email: string | undefined;
  readonly cache: AcmeCache;
  readonly logger: Logger;
  /** Where http-01 is answered while an order runs; the ACME server always asks port 80. */
  readonly httpChallengeAddress: Extract<ListenAddress, { kind: 'tcp' }>;
  /** How often the state of an order is asked for. */
  readonly pollMs: number;
}

export interface AcmeOrders {
  /** Places an order and waits for its certificate, which is in the cache then. */
  order(host: string): Promise<HostCertificate>;
  /** The certificate that answers a tls-alpn-01 handshake for the host, while one is expected. */
  challengeContext(host: string): Promise<SecureContext | undefined>;
}

type ChallengeType = 'tls-alpn-01' | 'http-01';

export function createAcmeOrders(parts: AcmeOrderParts): AcmeOrders {
  const { cache, logger } = parts;
  acme.axios.defaults.timeout = callTimeoutMs;

  async function accountKey(): Promise<string> {
    const kept = await cache.accountKey();
    if (kept !== undefined) return kept;
    const key = (await acme.crypto.createPrivateEcdsaKey()).toString();
    await cache.putAccountKey(key);
    return key;
  }

  async function attempt(host: string, type: ChallengeType): Promise<HostCertificate> {
    const client = new acme.Client({
      directoryUrl: parts.directoryUrl,
      accountKey: await accountKey(),
      backoffMin: parts.pollMs,
    });
    const hostKey = await acme.crypto.createPrivateEcdsaKey();
    const [key, csr] = await acme.crypto.createCsr({ altNames: [host] }, hostKey);
    const answers = new Map<string, string>();
    const server = type === 'http-01' ? await serveChallenges(answers) : undefined;
    try {
      const cert = await client.auto({
        csr,
        ...(parts.email === undefined ? {} : { email: parts.email }),
        termsOfServiceAgreed: true,
        challengePriority: [type],
        // The host name need not lead back here from inside.
        skipChallengeVerification: true,
        async challengeCreateFn(authorization, challenge, keyAuthorization): Promise<void> {
          if (challenge.type !== type) throw new Error(`the server offers no ${type} for ${host}`);
          if (type === 'http-01') answers.set(challenge.token, keyAuthorization);
          else await prepareAlpn(authorization, keyAuthorization);
        },
        async challengeRemoveFn(): Promise<void> {
          await cache.removeChallenge(host);
        },
      });
      return await cache.putCertificate(host, key.toString(), cert);
    } finally {
      server?.closeAllConnections();
      server?.close();
    }
  }

  async function prepareAlpn(
    authorization: Authorization,
    keyAuthorization: string,
  ): Promise<void> {
    const own = await acme.crypto.createPrivateEcdsaKey();
    const [key, cert] = await acme.crypto.createAlpnCertificate(
      authorization,
      keyAuthorization,
      own,
    );
    // In the shared folder, since a balancer may send the handshake to another instance.
    await cache.putChallenge(authorization.identifier.value, key.toString(), cert.toString());
  }

  function serveChallenges(answers: ReadonlyMap<string, string>): Promise<Server> {
    const { host, port } = parts.httpChallengeAddress;
    const server = createServer((request, response) => {
      const path = request.url ?? '';
      const answer = path.startsWith(challengePath)
        ? answers.get(path.slice(challengePath.length))
        : undefined;
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'text/plain' });
      response.end(answer ?? 'not found\n');
    });
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, ...(host === '' ? {} : { host }) }, () => resolve(server));
    });
  }

  return {
    async order(host: string): Promise<HostCertificate> {
      try {
        return await attempt(host, 'tls-alpn-01');
      } catch (error) {
        logger.warn('certificate order over TLS failed, trying port 80', {
          host,
          error: errorText(error),
        });
      }
      return await attempt(host, 'http-01');
    },
    async challengeContext(host: string): Promise<SecureContext | undefined> {
      const pair = await cache.challenge(host);
      return pair === undefined ? undefined : createSecureContext(pair);
    },
  };
}
