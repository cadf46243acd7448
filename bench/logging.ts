/**
 * What do both logs cost a request, written by the main thread or by the log thread? Prints, per request: time on the
 * main thread, and processor time of the whole process. Some 30,000 requests a second; lines go to /dev/null, or with
 * the argument `files` to files in the temp folder. bench/logs.ts tells what it means for a server.
 */

import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogging, type Logging } from '../src/observe/create-logging.ts';
import type { LogOptions } from '../src/observe/log-options.ts';

const isToFiles = process.argv.includes('files');
const requests = 60_000;
/** As many requests as one turn of the loop serves under load. */
const perTurn = 32;

const headers: Record<string, string> = {
  host: 'registry.example.com:5000',
  'user-agent':
    'docker/27.3.1 go/go1.22.7 git-commit/41ca978 kernel/6.1.0 os/linux arch/amd64 UpstreamClient(Docker-Client/27.3.1 \\(linux\\))',
  authorization: 'Bearer x',
};
const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
const request = {
  method: 'GET',
  path: `/v2/team/application/manifests/${digest}`,
  rawQuery: '',
  httpVersion: '1.1',
  remoteAddress: '192.0.2.17',
  remotePort: 40_112,
  receivedAtMs: Date.now(),
  header: (name: string): string | undefined => headers[name],
};

function options(formatter: LogOptions['formatter'], accessLog: boolean): LogOptions {
  return {
    accesslog: { disabled: !accessLog },
    level: 'info',
    formatter,
    fields: { service: 'registry', environment: 'production' },
    reportcaller: false,
    hooks: [],
  };
}

function logRequest(logging: Logging, isRequestLogged: boolean): void {
  const { accessLog, bothLogs, requestLog } = logging;
  request.receivedAtMs = Date.now();
  if (isRequestLogged) {
    (bothLogs ?? requestLog).write({
      request,
      clientAddress: '192.0.2.17:40112',
      status: 200,
      sentBytes: 1574,
      responseContentType: 'application/vnd.oci.image.manifest.v1+json',
      durationMs: 0.084217,
      repository: 'team/application',
      reference: digest,
      digest,
      user: 'ci',
    });
  }
  if (!isRequestLogged || bothLogs === undefined) {
    accessLog?.write(request, 200, 1574);
  }
}

async function measure(
  name: string,
  serve: () => void,
  finish: () => Promise<void>,
): Promise<void> {
  const startNs = process.hrtime.bigint();
  const startCpu = process.cpuUsage();
  let busyNs = 0n;
  for (let count = 0; count < requests; count += perTurn) {
    const turnNs = process.hrtime.bigint();
    for (let inTurn = 0; inTurn < perTurn; inTurn += 1) {
      serve();
    }
    busyNs += process.hrtime.bigint() - turnNs;
    await delay(1);
  }
  await finish();
  const wallNs = process.hrtime.bigint() - startNs;
  const cpu = process.cpuUsage(startCpu);
  const cpuNs = Math.round(((cpu.user + cpu.system) * 1000) / requests);
  process.stdout.write(
    `${name.padEnd(34)} main ${String(Number(busyNs) / requests)
      .slice(0, 6)
      .padStart(
        7,
      )} ns  cpu ${String(cpuNs).padStart(6)} ns  wall ${String(Math.round(Number(wallNs) / requests)).padStart(6)} ns\n`,
  );
}

async function run(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-logging-'));
  const open = (name: string): number =>
    openSync(isToFiles ? join(folder, name) : '/dev/null', isToFiles ? 'a' : 'w');
  process.stdout.write(
    `${cpus().length} x ${cpus()[0]?.model ?? '?'}, Node ${process.version}, ${requests} requests, lines to ${isToFiles ? 'files' : '/dev/null'}\n`,
  );
  const cases: [string, LogOptions['formatter'], boolean, boolean, number?][] = [
    ['access log only', 'text', false, true],
    ['request line only, text', 'text', true, false],
    ['request line only, json', 'json', true, false],
    ['both, text', 'text', true, true],
    ['both, json', 'json', true, true],
    ['both, text, without the thread', 'text', true, true, Number.POSITIVE_INFINITY],
    ['both, json, without the thread', 'json', true, true, Number.POSITIVE_INFINITY],
  ];
  // Twice: the first round warms the code up.
  for (const round of ['warm-up', 'measured']) {
    process.stdout.write(`${round}\n`);
    await measure(
      'nothing logged',
      () => {
        request.receivedAtMs = Date.now();
      },
      () => Promise.resolve(),
    );
    for (const [name, formatter, isRequestLogged, isAccessLogged, busyLines] of cases) {
      const stdout = open('access');
      const stderr = open('log');
      const logging = createLogging(options(formatter, isAccessLogged), {
        version: 'v0.1.0',
        stdout,
        stderr,
        ...(busyLines === undefined ? {} : { busyLines }),
      });
      await measure(
        name,
        () => logRequest(logging, isRequestLogged),
        () => logging.close(),
      );
      const { lines, accessLines } = logging.dropped();
      if (lines + accessLines > 0) {
        process.stdout.write(`  ${lines} + ${accessLines} lines dropped\n`);
      }
      closeSync(stdout);
      closeSync(stderr);
    }
  }
  rmSync(folder, { recursive: true });
}

await run();
