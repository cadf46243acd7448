/** Joins what is told of each request: application log, access log, metrics. Made by compose, called by dispatch. */

import type { AccessLog } from '../observe/access-log.ts';
import { createClientAddresses } from '../observe/client-address.ts';
import type { Logger } from '../observe/logger.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { PhaseTimes, RequestLog } from '../observe/request-log.ts';
import type { RequestObserver, RequestRecord } from './dispatch.ts';
import type { Reply } from './exchange.ts';

export interface ObserverParts {
  readonly logger: Logger;
  readonly requestLog: RequestLog;
  readonly accessLog: AccessLog | undefined;
  readonly bothLogs: RequestLog | undefined;
  readonly metrics: Metrics;
}

/** Status under which a request is logged whose client left before there was an answer, as nginx and Distribution do. */
const clientClosedRequest = 499;

export function createRequestObserver(parts: ObserverParts): RequestObserver {
  const { accessLog, bothLogs, logger, metrics, requestLog } = parts;
  const addressOf = createClientAddresses(logger);
  const wantsLog = logger.isEnabled('info');
  return {
    wantsAddresses: accessLog !== undefined || wantsLog,
    started(route): void {
      metrics.requestStarted(route);
    },
    finished(record, reply, sentBytes): void {
      const { exchange } = record;
      const status = reply?.status ?? clientClosedRequest;
      if (bothLogs === undefined) {
        accessLog?.write(exchange, status, sentBytes);
      }
      const endedAtMs = Date.now();
      const durationMs = endedAtMs - exchange.receivedAtMs;
      if (metrics.isOn && record.route !== undefined) {
        metrics.requestFinished(
          record.route,
          exchange.method,
          status,
          durationMs / 1000,
          exchange.body.sizeBytes ?? 0,
          sentBytes,
        );
      }
      if (wantsLog || status >= 500) {
        (bothLogs ?? requestLog).write({
          request: exchange,
          id: record.knownId,
          clientAddress: addressOf(exchange),
          status,
          sentBytes,
          durationMs,
          endedAtMs,
          responseContentType: contentType(reply),
          repository: record.name || undefined,
          reference: record.route === 'manifest' ? record.reference : undefined,
          digest: record.digest,
          uploadId: record.uploadId,
          user: record.userName || undefined,
          errors: record.errors,
          phases: phasesOf(record),
        });
      }
    },
  };
}

function phasesOf({ authMs, times }: RequestRecord): PhaseTimes | undefined {
  return (
    times && {
      auth: authMs,
      storage: times.storageMs || undefined,
      hash: times.hashMs || undefined,
    }
  );
}

function contentType(reply: Reply | undefined): string | undefined {
  return reply?.headers.find(([name]) => name === 'Content-Type')?.[1];
}
