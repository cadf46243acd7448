/** Makes the checks of the `health` section: storage, files, URLs, TCP addresses. health.ts runs them. */

import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { CodedError, errorText, hasCode } from '../errors.ts';
import type { Secret } from '../options/secret.ts';
import type { HealthCheck } from './health.ts';
import type { HealthOptions } from './health-options.ts';
import { tryParseHostPort } from './host-port.ts';

const defaultIntervalMs = 10_000;
const defaultStorageTimeoutMs = 10_000;

/**
 * Every check that the section asks for.
 *
 * @param storage  `probe` asks the driver for facts of `/`: it resolves when storage answers, also with "nothing
 *                 there". It may ignore the signal.
 */
export function healthChecks(
  options: HealthOptions,
  storage: { driverName: string; probe(signal: AbortSignal): Promise<unknown> },
): readonly HealthCheck[] {
  const checks: HealthCheck[] = [];
  const { storagedriver } = options;
  if (storagedriver.enabled) {
    checks.push({
      name: `storagedriver_${storage.driverName}`,
      intervalMs: storagedriver.interval || defaultIntervalMs,
      threshold: storagedriver.threshold,
      // Never 0: a blocked disk gives no error, it gives nothing at all.
      timeoutMs: storagedriver.timeout || defaultStorageTimeoutMs,
      run: async (signal) => {
        await storage.probe(signal);
      },
    });
  }
  for (const { file, interval } of options.file) {
    checks.push({
      name: file,
      intervalMs: interval || defaultIntervalMs,
      threshold: 0,
      timeoutMs: 0,
      run: () => checkFileAbsent(file),
    });
  }
  for (const { uri, headers, statuscode, timeout, interval, threshold } of options.http) {
    checks.push({
      name: uri,
      intervalMs: interval || defaultIntervalMs,
      threshold,
      timeoutMs: timeout,
      run: (signal) => checkUrl(uri, headers, statuscode || 200, signal),
    });
  }
  for (const { addr, timeout, interval, threshold } of options.tcp) {
    const { host, port } = parseAddress(addr);
    checks.push({
      name: addr,
      intervalMs: interval || defaultIntervalMs,
      threshold,
      timeoutMs: timeout,
      run: (signal) => checkTcp(addr, host, port, signal),
    });
  }
  return checks;
}

/** A file that exists takes the registry out of rotation. */
async function checkFileAbsent(path: string): Promise<void> {
  try {
    await stat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) {
      return;
    }
    throw error;
  }
  throw new CodedError('HEALTH_FILE_EXISTS', 'file exists');
}

async function checkUrl(
  uri: string,
  headerValues: Readonly<Record<string, readonly Secret[]>>,
  expectedStatus: number,
  signal: AbortSignal,
): Promise<void> {
  const headers = new Headers();
  for (const [name, values] of Object.entries(headerValues)) {
    for (const value of values) {
      headers.append(name, value.reveal());
    }
  }
  let status: number;
  try {
    const response = await fetch(uri, { method: 'HEAD', headers, signal });
    status = response.status;
    await response.body?.cancel();
  } catch (error) {
    // fetch itself only says "fetch failed"; why is in the cause.
    const reason = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new CodedError(
      'HEALTH_HTTP',
      `${uri}: error while checking: ${signal.aborted ? 'timeout' : errorText(reason)}`,
      { cause: error },
    );
  }
  if (status !== expectedStatus) {
    throw new CodedError(
      'HEALTH_HTTP',
      `${uri}: downstream service returned unexpected status: ${status}`,
    );
  }
}

function checkTcp(addr: string, host: string, port: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', (error) => {
      reject(new CodedError('HEALTH_TCP', `${addr}: connection failed: ${errorText(error)}`));
    });
  });
}

function parseAddress(addr: string): { host: string; port: number } {
  const parsed = tryParseHostPort(addr);
  if (parsed === undefined || parsed.port === 0) {
    throw new CodedError('HEALTH_ADDRESS', `health.tcp: "${addr}" is not HOST:PORT`);
  }
  return { host: parsed.host || 'localhost', port: parsed.port };
}
