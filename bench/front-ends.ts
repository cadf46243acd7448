/**
 * What does each front end cost? Small GETs, small pushes and 64 MiB pulls against the built server, over each way that it
 * can be reached. Prints rates, and the processor time that the server took, which neither the client on the same
 * cores nor other work of the machine distorts: the ratios are made of it.
 *
 *   npx tsc -p test/tsconfig.json --noEmit false --outDir dist/bench-run && node dist/bench-run/bench/front-ends.js
 */

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { anAuthority, type Pair } from '../test/support/certificates.ts';
import { freePort, started } from '../test/support/proxies.ts';
import { type LoadClient, openClient, type Protocol, repeatFor } from './support/http-load.ts';
import { printMachine } from './support/measure.ts';

const launcher = fileURLToPath(new URL('../src/launch.cjs', import.meta.url));
const rounds = 3;
const roundMs = 2_000;
const mib = 1024 * 1024;
/** Kernel's unit of /proc/PID/stat on every Linux. */
const ticksPerSecond = 100;

interface Way {
  readonly name: string;
  readonly frontEnd: 'uws' | 'node';
  readonly protocol: Protocol;
}
const ways: readonly Way[] = [
  { name: 'uws http/1.1', frontEnd: 'uws', protocol: 'http/1.1' },
  { name: 'node http/1.1', frontEnd: 'node', protocol: 'http/1.1' },
  { name: 'node tls http/1.1', frontEnd: 'node', protocol: 'tls http/1.1' },
  { name: 'node tls http/2', frontEnd: 'node', protocol: 'tls http/2' },
];

interface Server {
  readonly way: Way;
  readonly client: LoadClient;
  readonly blob: string;
  cpuSeconds(): number;
  stop(): Promise<void>;
}

interface Question {
  readonly name: string;
  readonly unit: string;
  readonly concurrency: number;
  /** One step; gives how many units it did. */
  step(server: Server): Promise<number>;
}

async function must(
  status: number,
  reply: Promise<{ status: number; bytes: number }>,
): Promise<number> {
  const got = await reply;
  if (got.status !== status) throw new Error(`status ${got.status} where ${status} was due`);
  return got.bytes;
}

function push(client: LoadClient, bytes: Buffer): Promise<number> {
  const digest = digestOf(bytes);
  return must(201, client.send('POST', `/v2/bench/blobs/uploads/?digest=${digest}`, bytes));
}

const questions: readonly Question[] = [
  {
    name: 'small GETs (a tag list)',
    unit: 'requests',
    concurrency: 32,
    step: async ({ client }) => {
      await must(200, client.send('GET', '/v2/bench/tags/list'));
      return 1;
    },
  },
  {
    name: 'pushes of 64 KiB blobs',
    unit: 'pushes',
    concurrency: 16,
    step: async ({ client }) => {
      await push(client, randomBytes(64 * 1024));
      return 1;
    },
  },
  {
    name: 'pulls of a 64 MiB blob',
    unit: 'MiB',
    concurrency: 4,
    step: async ({ client, blob }) =>
      (await must(200, client.send('GET', `/v2/bench/blobs/${blob}`))) / mib,
  },
];

function digestOf(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

async function startServer(folder: string, way: Way, tls: Pair): Promise<Server> {
  const port = await freePort();
  const at = join(folder, way.name.replaceAll(/[^a-z0-9]/g, '-'));
  const isTls = way.protocol.startsWith('tls');
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: at } },
    http: {
      addr: `127.0.0.1:${port}`,
      secret: 'bench',
      frontend: way.frontEnd,
      ...(isTls ? { tls: { ...tls } } : {}),
    },
  };
  await writeFile(`${at}.yml`, JSON.stringify(config));
  const child = spawn(process.execPath, [launcher, 'serve', `${at}.yml`], { stdio: 'inherit' });
  const { stop } = await started(child, port);
  const client = await openClient(way.protocol, port);
  const bytes = randomBytes(64 * mib);
  await push(client, bytes);
  await pushImage(client);
  return {
    way,
    client,
    blob: digestOf(bytes),
    cpuSeconds: () => {
      const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
      // Fields 14 and 15 (proc(5)): user and system time. The second field may hold spaces.
      const [user, system] = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12);
      return (Number(user) + Number(system)) / ticksPerSecond;
    },
    async stop(): Promise<void> {
      client.close();
      await stop();
    },
  };
}

/** So that there is a tag to list. */
async function pushImage(client: LoadClient): Promise<void> {
  const config = '{}';
  await push(client, Buffer.from(config));
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType,
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: digestOf(config),
      size: config.length,
    },
    layers: [],
  });
  const sent = client.send('PUT', '/v2/bench/manifests/v1', Buffer.from(manifest), mediaType);
  await must(201, sent);
}

interface Figure {
  /** Units per second. */
  rate: number;
  /** Server's processor microseconds per unit. */
  cpuMicros: number;
}

async function measure(server: Server, question: Question): Promise<Figure> {
  const cpuBefore = server.cpuSeconds();
  const { total, seconds } = await repeatFor(roundMs, question.concurrency, () =>
    question.step(server),
  );
  return { rate: total / seconds, cpuMicros: ((server.cpuSeconds() - cpuBefore) * 1e6) / total };
}

async function run(): Promise<void> {
  printMachine();
  const [load = 0] = loadavg();
  process.stdout.write(`load average ${load.toFixed(1)}${load > 1 ? ': NOISY' : ''}\n`);
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'bench-'));
  const servers: Server[] = [];
  try {
    const tls = await (await anAuthority(folder, 'ca')).issue('server');
    for (const way of ways) servers.push(await startServer(folder, way, tls));
    for (const question of questions) {
      const best = servers.map((): Figure => ({ rate: 0, cpuMicros: Number.POSITIVE_INFINITY }));
      // In turn, so that a change of the machine's other work meets all; the first round warms up.
      for (let round = 0; round <= rounds; round += 1) {
        for (const [index, server] of servers.entries()) {
          const figure = await measure(server, question);
          const kept = best[index];
          if (round === 0 || kept === undefined) continue;
          kept.rate = Math.max(kept.rate, figure.rate);
          kept.cpuMicros = Math.min(kept.cpuMicros, figure.cpuMicros);
        }
      }
      print(question, best);
    }
  } finally {
    for (const server of servers) await server.stop();
    await rm(folder, { recursive: true });
  }
}

function print(question: Question, figures: readonly Figure[]): void {
  process.stdout.write(`${question.name}, ${question.concurrency} at a time\n`);
  const [base] = figures;
  for (const [index, { rate, cpuMicros }] of figures.entries()) {
    const ratio = cpuMicros / (base?.cpuMicros ?? cpuMicros);
    process.stdout.write(
      `  ${(ways[index]?.name ?? '').padEnd(18)} ${rate.toFixed(0).padStart(7)} ${question.unit}/s` +
        `  ${cpuMicros.toFixed(0).padStart(6)} us of the server each, ${ratio.toFixed(2)} x uws\n`,
    );
  }
}

await run();
