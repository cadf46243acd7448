/** Makes the checks of the `health` section: storage, files, URLs, TCP addresses. health.ts runs them. */

import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { CodedError, errorText, hasCode } from '../errors.ts';
import { maskedUrl } from '../options/masked-url.ts';
import {
  type ConfiguredHeaders,
  followRedirects,
  sendOnce,
  type WebRequest,
  webRequest,
} from '../web-request.ts';
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
  const shown = new Set<string>();
  for (const [index, check] of options.http.entries()) {
    const { uri, headers, statuscode, timeout, interval, threshold } = check;
    const masked = maskedUrl(uri);
    // URLs that only differ in what is masked are still two checks.
    const name = masked !== uri && shown.has(masked) ? `${masked} #${index + 1}` : masked;
    shown.add(masked);
    const request = headRequest(name, uri, headers);
    checks.push({
      name,
      intervalMs: interval || defaultIntervalMs,
      threshold,
      timeoutMs: timeout,
      run: (signal) => checkUrl(name, request, statuscode || 200, signal),
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

function headRequest(name: string, uri: string, headers: ConfiguredHeaders): WebRequest {
  try {
    return webRequest(uri, 'HEAD', headers);
  } catch (error) {
    throw new CodedError('HEALTH_ADDRESS', `health.http: ${name}: ${errorText(error)}`, {
      cause: error,
    });
  }
}

/** @param name  The URL as it may be shown. */
async function checkUrl(
  name: string,
  request: WebRequest,
  expectedStatus: number,
  signal: AbortSignal,
): Promise<void> {
  let status: number | undefined;
  try {
    const response = await followRedirects(request, (attempt) =>
      sendOnce(attempt, { agent: false, signal }),
    );
    response.destroy();
    status = response.statusCode;
  } catch (error) {
    throw new CodedError(
      'HEALTH_HTTP',
      `${name}: error while checking: ${signal.aborted ? 'timeout' : errorText(error)}`,
      { cause: error },
    );
  }
  if (status !== expectedStatus) {
    throw new CodedError(
      'HEALTH_HTTP',
      `${name}: downstream service returned unexpected status: ${status}`,
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
