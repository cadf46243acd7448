/**
 * What a second front-end process brings (`http.processes`): small GETs against one and two processes, the client
 * pinned to the last core. On two cores client and second process share that core, so the rate alone says little; the
 * processor time per request, read from /proc, does not depend on who else runs and is what the prediction rests on.
 *
 *   npm run bench:processes
 */

import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ApiClient } from '../test/support/api-client.ts';
import { type FrontEndName, frontEnds, startRegistry } from '../test/support/registry.ts';
import { launchCommand } from './support/launch-command.ts';
import { printMachine } from './support/measure.ts';

const run = promisify(execFile);
const seconds = 5;
const connections = 64;
const rounds = 3;
/** Linux counts processor time in these. */
const ticksPerSecond = 100;
/** From the project's folder, wherever this file was built to. */
const autocannon = join(process.cwd(), 'node_modules/.bin/autocannon');
const command = launchCommand();

interface Figure {
  readonly requestsPerSecond: number;
  readonly cpuMicros: number;
  readonly coresUsed: number;
}

async function measureOnce(frontEnd: FrontEndName, processes: number): Promise<Figure> {
  const registry = await startRegistry({
    frontEnd,
    command,
    config: {
      http: { processes },
      storage: { cache: { blobdescriptor: 'inmemory' } },
    },
  });
  try {
    const api = new ApiClient(registry.port);
    const { digest } = await api.pushImage('bench', 'latest');
    api.close();
    const url = `${registry.url}/v2/bench/manifests/${digest}`;
    await load(url, 2);
    const pids = [registry.pid, ...(await childrenOf(registry.pid))];
    const before = await cpuSeconds(pids);
    const { total, elapsed } = await load(url, seconds);
    const spent = (await cpuSeconds(pids)) - before;
    return {
      requestsPerSecond: total / elapsed,
      cpuMicros: (spent * 1e6) / total,
      coresUsed: spent / elapsed,
    };
  } finally {
    await registry.stop();
  }
}

async function load(url: string, duration: number): Promise<{ total: number; elapsed: number }> {
  const lastCore = String(availableParallelism() - 1);
  const args = ['-j', '-c', String(connections), '-d', String(duration), url];
  const { stdout } = await run('taskset', ['-c', lastCore, process.execPath, autocannon, ...args], {
    maxBuffer: 16 * 1024 * 1024,
  });
  const result = JSON.parse(stdout) as {
    requests: { total: number };
    duration: number;
    non2xx: number;
    errors: number;
  };
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${result.non2xx} replies that are no success, ${result.errors} errors`);
  }
  return { total: result.requests.total, elapsed: result.duration };
}

async function childrenOf(pid: number): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = await statFields(Number(name)).catch(() => undefined);
    if (Number(fields?.[1]) === pid) found.push(Number(name));
  }
  return found;
}

async function cpuSeconds(pids: readonly number[]): Promise<number> {
  let ticks = 0;
  for (const pid of pids) {
    const fields = await statFields(pid);
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / ticksPerSecond;
}

/** Fields of /proc/PID/stat from `state` on: the name before may hold anything. */
async function statFields(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function medianOf(figures: readonly Figure[]): Figure {
  const sorted = [...figures].sort((a, b) => a.requestsPerSecond - b.requestsPerSecond);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new Error('nothing was measured');
  return middle;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(): Promise<void> {
  printMachine();
  const busy = loadavg()[0] ?? 0;
  const cores = availableParallelism();
  if (busy > 0.5) {
    print(`NOISY: load average ${busy.toFixed(1)} before the start; only CPU per request counts`);
  }
  print(`GET of a small manifest, ${connections} connections, client on core ${cores - 1}`);
  for (const frontEnd of frontEnds) {
    const of = new Map<number, Figure[]>([
      [1, []],
      [2, []],
    ]);
    for (let round = 0; round < rounds; round += 1) {
      for (const [processes, figures] of of) {
        figures.push(await measureOnce(frontEnd, processes));
      }
    }
    const [one, two] = [...of.values()].map(medianOf);
    if (one === undefined || two === undefined) return;
    for (const [processes, figure] of [[1, one] as const, [2, two] as const]) {
      print(
        `${frontEnd}, ${processes} process(es): ${Math.round(figure.requestsPerSecond)}/s, ` +
          `${figure.cpuMicros.toFixed(1)} µs CPU per request, ${figure.coresUsed.toFixed(2)} cores used`,
      );
    }
    const cost = two.cpuMicros / one.cpuMicros;
    print(
      `  rate ${(two.requestsPerSecond / one.requestsPerSecond).toFixed(2)} times; ` +
        `a request costs ${cost.toFixed(2)} times the CPU with two processes`,
    );
    print(
      `  predicts ${Math.round(1e6 / two.cpuMicros)}/s per core that serves alone, ` +
        `as long as the clients and the network keep up`,
    );
  }
}

await main();
