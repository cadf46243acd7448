/**
 * What to do about a service that takes connections and says nothing: one more try on a new connection, then an error.
 * Six tries, as for refusals, would keep clients waiting past the patience of whatever stands between. Used by client.ts.
 */

import type { Agent as HttpAgent } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import type { S3Client } from '@aws-sdk/client-s3';
import { failureOf, silentCode } from './errors.ts';

export interface Sockets {
  readonly httpAgent: HttpAgent;
  readonly httpsAgent: HttpsAgent;
}

/** As the SDK names its own limits: on the socket, on the whole of a try. */
const silences: ReadonlySet<string> = new Set(['TimeoutError', 'ETIMEDOUT']);
/** A try that failed after so long waited for an answer, also when the caller gave it up. */
const dubiousMs = 5_000;

export function watchAnswers(client: S3Client, { httpAgent, httpsAgent }: Sockets): void {
  const silentOnce = new WeakSet<object>();
  client.middlewareStack.add(
    (next) => async (args) => {
      const startedAtMs = performance.now();
      try {
        return await next(args);
      } catch (error) {
        const isSilent = silences.has(failureOf(error).code);
        if (isSilent || performance.now() - startedAtMs > dubiousMs) {
          // Whatever swallowed this connection (a firewall that forgot it, a node that is gone) has swallowed those too
          // that rest beside it: the next try must not find out for each.
          dropIdle(httpAgent);
          dropIdle(httpsAgent);
        }
        if (!isSilent) {
          throw error;
        }
        if (silentOnce.has(args.input)) {
          // A name that the SDK does not try again.
          const { message } = failureOf(error);
          throw Object.assign(new Error(`twice no answer: ${message}`), { name: silentCode });
        }
        silentOnce.add(args.input);
        throw error;
      }
    },
    { step: 'deserialize', priority: 'low', name: 'watchAnswers' },
  );
}

function dropIdle(agent: HttpAgent): void {
  for (const sockets of Object.values(agent.freeSockets)) {
    for (const socket of sockets ?? []) {
      socket.destroy();
    }
  }
}
