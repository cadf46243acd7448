/**
 * The `loglevel` option: one line per S3 call, with more facts the more is asked. Added to the client by client.ts.
 * Never prints signatures, secrets or blob bytes.
 */

import type { S3Client } from '@aws-sdk/client-s3';
import type { Logger } from '../../../observe/logger.ts';
import { failureOf } from './errors.ts';

/** What of a textual body is shown at `debugwithhttpbody`. */
const shownBodyBytes = 2048;

interface SeenRequest {
  method: string;
  hostname: string;
  path: string;
  headers: Record<string, string>;
  body?: unknown;
}

interface SeenResponse {
  statusCode: number;
  headers: Record<string, string>;
}

/** `off` and unknown levels add nothing. The level `debugwitheventstreambody` equals `debug`: no call here uses event streams. */
export function logRequests(client: S3Client, level: string, logger: Logger): void {
  const wanted = level.toLowerCase();
  if (!wanted.startsWith('debug')) {
    return;
  }
  const showsErrors = /errors$|retries$/.test(wanted);
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const startedAt = performance.now();
      const attemptFacts = (): Record<string, unknown> => ({
        call: String(context['commandName']).replace(/Command$/, ''),
        durationMs: Math.round(performance.now() - startedAt),
      });
      try {
        const result = await next(args);
        const attempts = result.output.$metadata.attempts ?? 1;
        logger.debug('s3 call', {
          ...attemptFacts(),
          attempts,
          requestId: result.output.$metadata.requestId,
        });
        if (wanted === 'debugwithrequestretries' && attempts > 1) {
          logger.debug('s3 call was retried', { ...attemptFacts(), attempts });
        }
        return result;
      } catch (error) {
        logger.debug('s3 call failed', { ...attemptFacts(), ...failureOf(error) });
        throw error;
      }
    },
    { step: 'initialize', priority: 'high', name: 'logCalls' },
  );
  client.middlewareStack.add(
    (next) => async (args) => {
      const request = args.request as SeenRequest;
      try {
        const result = await next(args);
        const response = result.response as SeenResponse;
        if (wanted === 'debugwithsigning') {
          logger.debug('s3 request signed', signingFacts(request));
        } else if (wanted === 'debugwithhttpbody') {
          logger.debug('s3 exchange', bodyFacts(request, response));
        } else if (showsErrors && response.statusCode >= 400) {
          const { statusCode: status } = response;
          logger.debug('s3 request failed', { method: request.method, path: request.path, status });
        }
        return result;
      } catch (error) {
        if (showsErrors) {
          const { method, path } = request;
          logger.debug('s3 request failed', { method, path, ...failureOf(error) });
        }
        throw error;
      }
    },
    { step: 'deserialize', priority: 'low', name: 'logRequests' },
  );
}

function signingFacts(request: SeenRequest): Record<string, unknown> {
  const authorization = request.headers['authorization'] ?? '';
  return {
    method: request.method,
    host: request.hostname,
    path: request.path,
    scope: /Credential=[^/]*\/([^,]+)/.exec(authorization)?.[1],
    signedHeaders: /SignedHeaders=([^,]+)/.exec(authorization)?.[1],
    payloadHash: request.headers['x-amz-content-sha256'],
  };
}

function bodyFacts(request: SeenRequest, response: SeenResponse): Record<string, unknown> {
  const { body } = request;
  const isText = typeof body === 'string';
  return {
    method: request.method,
    path: request.path,
    status: response.statusCode,
    responseHeaders: response.headers,
    ...(isText && { body: body.slice(0, shownBodyBytes) }),
    ...(body instanceof Uint8Array && { bodyBytes: body.byteLength }),
  };
}
