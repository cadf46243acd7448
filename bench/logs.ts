/**
 * What do the logs cost in requests a second? GETs of a manifest by its tag against three registries that run side by
 * side and are asked in turn, a second each: without logs, with the access log, with both logs at info. Lines go to
 * files. Prints the median of each turn's rate over that of the quiet one, and processor time per request of the whole
 * process and of its main thread. A rate tells little on a machine that others use: take many rounds.
 *
 *   npm run build && npx tsc -p test/tsconfig.json --noEmit false --outDir dist/bench-run && node dist/bench-run/bench/logs.js [ROUNDS]
 *
 * The client is wrk where that is installed, else autocannon, which takes a core for itself.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { ApiClient } from '../test/support/api-client.ts';
import { freePort } from '../test/support/free-port.ts';
import { findProgram } from '../test/support/tools.ts';
import { median } from './figures/statistics.ts';
import { cpuSeconds, mainThreadSeconds } from './suite/process-usage.ts';
import { launchCommand } from './support/launch-command.ts';
import { printMachine } from './support/measure.ts';

const run = promisify(execFile);
const rounds = Number(process.argv[2] ?? 20);
const warmUpSeconds = 3;
const path = '/v2/bench/manifests/latest';
const headers = {
  Accept: 'application/vnd.oci.image.manifest.v1+json',
  'User-Agent': 'docker/27.3.1 go/go1.22.7 git-commit/41ca978 kernel/6.1.0 os/linux arch/amd64',
};
const [program, ...programArgs] = launchCommand();
const autocannon = join(process.cwd(), 'node_modules/.bin/autocannon');

interface Variant {
  readonly name: string;
  readonly log: object;
}

const variants: readonly Variant[] = [
  { name: 'no logs', log: { level: 'error', accesslog: { disabled: true } } },
  { name: 'access log', log: { level: 'error' } },
  { name: 'both at info', log: { level: 'info' } },
];

interface Server {
  readonly name: string;
  readonly port: number;
  readonly child: ChildProcess;
  readonly logFiles: readonly string[];
  readonly turns: Turn[];
}

interface Turn {
  readonly perSecond: number;
  readonly allMicros: number;
  readonly mainMicros: number;
}

async function start(folder: string, { log, name }: Variant): Promise<Server> {
  const port = await freePort();
  const file = join(folder, `${port}.yml`);
  const config = {
    version: 0.1,
    log,
    storage: { filesystem: { rootdirectory: join(folder, 'data') } },
    http: { addr: `127.0.0.1:${port}`, secret: 'for the bench' },
  };
  await writeFile(file, stringify(config));
  const logFiles = [`${file}.out`, `${file}.err`];
  const [stdout, stderr] = await Promise.all(logFiles.map((each) => open(each, 'a')));
  const child = spawn(program, [...programArgs, 'serve', file], {
    stdio: ['ignore', stdout?.fd, stderr?.fd],
  });
  await Promise.all([stdout?.close(), stderr?.close()]);
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => undefined);
    if (answer?.status === 200) break;
    if (child.exitCode !== null) throw new Error(await readFile(`${file}.err`, 'utf8'));
    await delay(50);
  }
  return { name, port, child, logFiles, turns: [] };
}

/** @returns how many requests were answered */
async function load(port: number, connections: number, seconds: number): Promise<number> {
  const url = `http://127.0.0.1:${port}${path}`;
  const wrk = findProgram('wrk');
  if (wrk !== undefined) {
    const lines = Object.entries(headers).flatMap(([key, value]) => ['-H', `${key}: ${value}`]);
    const args = ['-t1', `-c${connections}`, `-d${seconds}s`, ...lines, url];
    const { stdout } = await run(wrk, args);
    if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout);
    return Number(/(\d+) requests in/.exec(stdout)?.[1]);
  }
  const lines = Object.entries(headers).flatMap(([key, value]) => ['-H', `${key}=${value}`]);
  const args = ['-j', '-c', String(connections), '-d', String(seconds), ...lines, url];
  const { stdout } = await run(process.execPath, [autocannon, ...args], { maxBuffer: 2 ** 24 });
  const result = JSON.parse(stdout) as { requests: { total: number }; non2xx: number };
  if (result.non2xx > 0) throw new Error(`${result.non2xx} replies that are no success`);
  return result.requests.total;
}

async function takeTurn(server: Server, connections: number): Promise<void> {
  const pid = server.child.pid ?? 0;
  const spentMicros = (): number[] => [cpuSeconds(pid) * 1e6, mainThreadSeconds(pid) * 1e6];
  const before = spentMicros();
  const count = await load(server.port, connections, 1);
  const [all = 0, main = 0] = spentMicros().map(
    (micros, index) => (micros - (before[index] ?? 0)) / count,
  );
  server.turns.push({ perSecond: count, allMicros: all, mainMicros: main });
  await Promise.all(server.logFiles.map((file) => truncate(file)));
}

function print(servers: readonly Server[]): void {
  const quiet = servers[0]?.turns ?? [];
  for (const { name, turns } of servers) {
    const ratio = median(turns.map((turn, n) => turn.perSecond / (quiet[n]?.perSecond ?? 0)));
    const rate = median(turns.map((turn) => turn.perSecond));
    const all = median(turns.map((turn) => turn.allMicros));
    const main = median(turns.map((turn) => turn.mainMicros));
    process.stdout.write(
      `  ${name.padEnd(13)} ${ratio.toFixed(3)} of the quiet rate  ${String(rate).padStart(6)}/s  CPU ${all.toFixed(1)} µs, main thread ${main.toFixed(1)} µs\n`,
    );
  }
}

printMachine();
const folder = await mkdtemp(join(tmpdir(), 'longshore-bench-logs-'));
const servers: Server[] = [];
try {
  for (const variant of variants) {
    servers.push(await start(folder, variant));
  }
  const api = new ApiClient(servers[0]?.port ?? 0);
  await api.pushImage('bench', 'latest');
  api.close();
  for (const server of servers) {
    await load(server.port, 16, warmUpSeconds);
  }
  for (const connections of [16, 64]) {
    for (let round = 0; round < rounds; round += 1) {
      for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
        await takeTurn(server, connections);
      }
    }
    process.stdout.write(`${connections} connections, ${rounds} rounds\n`);
    print(servers);
    for (const server of servers) {
      server.turns.length = 0;
    }
  }
} finally {
  for (const { child } of servers) {
    if (child.exitCode === null) {
      child.kill();
      await once(child, 'exit');
    }
  }
  await rm(folder, { recursive: true, force: true });
}
