/**
 * Makes the S3Client from settings: endpoint, credentials, sockets, retries, and the few headers on which S3-compatible
 * servers differ. Everything that talks to S3 uses a client made here.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { rootCertificates } from 'node:tls';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { errorText } from '../../../errors.ts';
import type { Logger } from '../../../observe/logger.ts';
import { DriverCode, DriverError } from '../../driver.ts';
import { type Sockets, watchAnswers } from './answer-watch.ts';
import { failureOf } from './errors.ts';
import { LendingAgent } from './lending-agent.ts';
import { readListPages } from './list-page.ts';
import { logRequests } from './request-log.ts';
import { driverName, type S3Settings } from './settings.ts';

/** Tries of one call, the first included. The SDK waits with jitter in between and draws on one budget per client. */
const maxAttempts = 6;
const connectionTimeout = 10_000;
/** Room for one Move at full copy concurrency beside ordinary calls. */
const spareSockets = 128;

/** The part of a request that the middlewares below touch. */
interface RawRequest {
  headers: Record<string, string>;
  body?: unknown;
  protocol?: string;
}

/** How long S3 may be silent before a try counts as failed. */
export interface Patience {
  /** Before the first byte of an answer that S3 has at hand: a HEAD, a GET, a small put. */
  readonly answerMs: number;
  /** In the middle of a body, and before answers that need work: a large CopyObject may take a minute. */
  readonly workMs: number;
}

const defaultPatience: Patience = { answerMs: 10_000, workMs: 120_000 };

export interface Clients {
  readonly calls: S3Client;
  /** For calls that S3 answers only after some work. Shares the sockets of `calls`. */
  readonly patient: S3Client;
  /** For streams of whole blobs. */
  readonly downloads: S3Client;
}

/** Several clients: the SDK takes limits with a single call only at the price of its cached middlewares. */
export function createClients(
  settings: S3Settings,
  logger?: Logger,
  patience: Patience = defaultPatience,
): Clients {
  const config = clientConfig(settings, settings.endpoint);
  const { answerMs, workMs } = patience;
  const quick = { requestTimeout: answerMs, throwOnRequestTimeout: true };
  const sockets = socketsFor(settings);
  const calls = new S3Client({
    ...config,
    requestHandler: { ...sockets, ...quick, connectionTimeout, socketTimeout: answerMs },
  });
  const patient = new S3Client({
    ...config,
    requestHandler: { ...sockets, connectionTimeout, socketTimeout: workMs },
  });
  const downloadSockets = downloadSocketsFor(settings);
  const downloads = new S3Client({
    ...config,
    requestHandler: { ...downloadSockets, ...quick, connectionTimeout, socketTimeout: workMs },
  });
  addMiddlewares(calls, settings, sockets, logger);
  addMiddlewares(patient, settings, sockets, logger);
  addMiddlewares(downloads, settings, downloadSockets, logger);
  return { calls, patient, downloads };
}

function addMiddlewares(
  client: S3Client,
  settings: S3Settings,
  sockets: Sockets,
  logger?: Logger,
): void {
  watchAnswers(client, sockets);
  contentMd5OnDelete(client);
  unsignedPayloadOverTls(client);
  readListPages(client);
  if (settings.credentials === undefined) {
    refreshExpiredCredentials(client);
  }
  if (logger !== undefined) {
    logRequests(client, settings.logLevel, logger);
  }
}

/** A client that only signs URLs, for the host that clients of the registry can reach. */
export function createSigningClient(settings: S3Settings): S3Client {
  return new S3Client(clientConfig(settings, settings.redirectEndpoint ?? settings.endpoint));
}

function clientConfig(settings: S3Settings, endpoint: string | undefined): S3ClientConfig {
  // Its advice to upgrade Node.js is for those who choose the SDK's version: not the operator, who would see it at start.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  return {
    region: settings.region,
    ...(endpoint !== undefined && { endpoint }),
    ...(settings.credentials && { credentials: settings.credentials }),
    ...(settings.userAgent !== '' && { customUserAgent: settings.userAgent }),
    forcePathStyle: settings.forcePathStyle,
    useAccelerateEndpoint: settings.accelerate,
    useDualstackEndpoint: settings.dualStack,
    useFipsEndpoint: settings.fips,
    // Servers that pass over `Expect: 100-continue` would cost each part a wait of six seconds.
    ...(endpoint !== undefined && { expectContinueHeader: false }),
    requestChecksumCalculation: settings.checksums,
    responseChecksumValidation: settings.checksums,
    maxAttempts,
    retryMode: 'standard',
    // Else the SDK builds its stack of middlewares anew for each call, which was a third of a small call's CPU time. So
    // every middleware is added before the first call.
    cacheMiddleware: true,
  };
}

function socketsFor(settings: S3Settings): Sockets {
  const options = {
    keepAlive: true,
    // The one that rested longest: TCP delays acknowledgements on a connection that goes to and fro, and a store that
    // sends its answer in small packets without TCP_NODELAY, as Ceph by default, then waits 40 ms for them (bench/s3.ts).
    scheduling: 'fifo' as const,
    maxSockets: spareSockets + settings.copyConcurrency,
  };
  return {
    httpAgent: new HttpAgent(options),
    httpsAgent: new HttpsAgent({ ...options, ...tlsOptions(settings) }),
  };
}

/**
 * Downloads have sockets of their own: slow readers hold them for long, and other calls must not wait for these. Over
 * TLS they are ordinary ones: there a socket cannot stop what is decrypted already.
 */
function downloadSocketsFor(settings: S3Settings): Sockets {
  return {
    httpAgent: new LendingAgent(),
    httpsAgent: new HttpsAgent({ keepAlive: true, scheduling: 'fifo', ...tlsOptions(settings) }),
  };
}

function tlsOptions(settings: S3Settings): { rejectUnauthorized: boolean; ca?: string[] } {
  return {
    rejectUnauthorized: !settings.skipVerify,
    ...(settings.caFile !== undefined && { ca: authorities(settings.caFile) }),
  };
}

function authorities(file: string): string[] {
  try {
    return [...rootCertificates, readFileSync(file, 'utf8')];
  } catch (error) {
    throw new DriverError(
      driverName,
      DriverCode.failed,
      `AWS_CA_BUNDLE cannot be read: ${errorText(error)}`,
      { cause: error },
    );
  }
}

/** Older Ceph, MinIO and others know DeleteObjects only with Content-MD5; AWS takes either. */
function contentMd5OnDelete(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => (args) => {
      const request = args.request as RawRequest;
      if (context['commandName'] === 'DeleteObjectsCommand') {
        for (const name of Object.keys(request.headers)) {
          if (/^x-amz-(sdk-)?checksum-/.test(name)) {
            delete request.headers[name];
          }
        }
        request.headers['content-md5'] = createHash('md5')
          .update(request.body as string | Uint8Array)
          .digest('base64');
      }
      return next(args);
    },
    { step: 'build', priority: 'low', name: 'contentMd5OnDelete' },
  );
}

/** TLS guards the bytes already: hashing each part once more for its signature would cost a core per 1.9 GiB/s. */
function unsignedPayloadOverTls(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => (args) => {
      const request = args.request as RawRequest;
      const hasBlobBody = /^(UploadPart|PutObject)Command$/.test(String(context['commandName']));
      if (hasBlobBody && request.protocol === 'https:') {
        request.headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
      }
      return next(args);
    },
    { step: 'build', priority: 'low', name: 'unsignedPayloadOverTls' },
  );
}

/**
 * A token can be refused before the expiry it was issued with (a revoked session, a clock behind): fetch another, once.
 * The answer to a HEAD has no body to say so: there any 400 is taken for it.
 */
function refreshExpiredCredentials(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        const { code, status } = failureOf(error);
        const isHead = context['commandName'] === 'HeadObjectCommand';
        if (
          !/^(ExpiredToken|ExpiredTokenException|TokenRefreshRequired)$/.test(code) &&
          !(isHead && status === 400)
        ) {
          throw error;
        }
        await client.config.credentials({ forceRefresh: true });
        return next(args);
      }
    },
    { step: 'initialize', priority: 'high', name: 'refreshExpiredCredentials' },
  );
}
