/**
 * What does each front end cost? Small GETs, small pushes and 64 MiB pulls against the built server, over each way that it
 * can be reached. Prints medians of rates, and of the processor time that the server took, which neither the client on
 * the same cores nor other work of the machine distorts much: the ratios are made of it.
 *
 *   npm run bench:front-ends                           everything, about four minutes
 *   npm run bench:front-ends -- --rounds 9             longer
 *   npm run bench:front-ends -- "http/2" pushes        a part: words found in the names of ways and questions
 */

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { anAuthority, type Pair } from '../test/support/certificates.ts';
import { freePort } from '../test/support/free-port.ts';
import { started } from '../test/support/proxies.ts';
import { type Spread, spreadOf } from './figures/statistics.ts';
import { mayRaisePriority } from './suite/machine.ts';
import { type LoadClient, openClient, type Protocol, repeatFor } from './support/http-load.ts';
import { launchCommand } from './support/launch-command.ts';
import { printMachine } from './support/measure.ts';

const [program, ...programArgs] = launchCommand();
const usualRounds = 5;
const roundMs = 2_000;
const mib = 1024 * 1024;
/** The children inherit it. */
const raisedPriority = -15;
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
  /** Anew for each round: between rounds its connections would go idle, and end. */
  connect(): Promise<LoadClient>;
  readonly blob: string;
  cpuSeconds(): number;
  stop(): Promise<void>;
}

interface Question {
  readonly name: string;
  readonly unit: string;
  readonly concurrency: number;
  /** One step; gives how many units it did. */
  step(client: LoadClient, blob: string): Promise<number>;
}

async function must(
  status: number,
  reply: Promise<{ status: number; bytes: number }>,
): Promise<number> {
  const got = await reply;
  if (got.status !== status) throw new Error(`status ${got.status} where ${status} was due`);
  return got.bytes;
}

function push(client: LoadClient, bytes: Buffer, isLengthHidden = false): Promise<number> {
  const target = `/v2/bench/blobs/uploads/?digest=${digestOf(bytes)}`;
  return must(201, client.send('POST', target, bytes, { isLengthHidden }));
}

const questions: readonly Question[] = [
  {
    name: 'small GETs (a tag list)',
    unit: 'requests',
    concurrency: 32,
    step: async (client) => {
      await must(200, client.send('GET', '/v2/bench/tags/list'));
      return 1;
    },
  },
  {
    name: 'pushes of 64 KiB blobs',
    unit: 'pushes',
    concurrency: 16,
    step: async (client) => {
      await push(client, randomBytes(64 * 1024));
      return 1;
    },
  },
  {
    name: 'pushes of 64 KiB blobs, length not announced',
    unit: 'pushes',
    concurrency: 16,
    step: async (client) => {
      await push(client, randomBytes(64 * 1024), true);
      return 1;
    },
  },
  {
    name: 'pulls of a 64 MiB blob',
    unit: 'MiB',
    concurrency: 4,
    step: async (client, blob) =>
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
  const child = spawn(program, [...programArgs, 'serve', `${at}.yml`], { stdio: 'inherit' });
  const { stop } = await started(child, port);
  const connect = (): Promise<LoadClient> => openClient(way.protocol, port);
  const client = await connect();
  const bytes = randomBytes(64 * mib);
  await push(client, bytes);
  await pushImage(client);
  client.close();
  return {
    connect,
    blob: digestOf(bytes),
    cpuSeconds: () => {
      const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
      // Fields 14 and 15 (proc(5)): user and system time. The second field may hold spaces.
      const [user, system] = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12);
      return (Number(user) + Number(system)) / ticksPerSecond;
    },
    stop,
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
  const sent = client.send('PUT', '/v2/bench/manifests/v1', Buffer.from(manifest), {
    contentType: mediaType,
  });
  await must(201, sent);
}

interface Figure {
  /** Units per second. */
  readonly rate: number;
  /** Server's processor microseconds per unit. */
  readonly cpuMicros: number;
}

async function measure(server: Server, question: Question): Promise<Figure> {
  const client = await server.connect();
  const cpuBefore = server.cpuSeconds();
  const { total, seconds } = await repeatFor(roundMs, question.concurrency, () =>
    question.step(client, server.blob),
  );
  client.close();
  return { rate: total / seconds, cpuMicros: ((server.cpuSeconds() - cpuBefore) * 1e6) / total };
}

/** The names that have one of the words in them; all when no word fits any. */
function chosen<T extends { readonly name: string }>(
  all: readonly T[],
  words: readonly string[],
): readonly T[] {
  const some = all.filter(({ name }) => words.some((word) => name.includes(word)));
  return some.length > 0 ? some : all;
}

async function run(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { rounds: { type: 'string' } },
    allowPositionals: true,
  });
  const rounds = Number(values.rounds ?? usualRounds);
  const asked = chosen(ways, positionals);
  printMachine();
  const [load = 0] = loadavg();
  const isRaised = mayRaisePriority();
  if (isRaised) setPriority(raisedPriority);
  process.stdout.write(
    `load average ${load.toFixed(1)}${load > 1 ? ': NOISY' : ''}; priority ${isRaised ? 'raised' : 'usual'}; ` +
      `medians of ${rounds} rounds of ${roundMs / 1000} s, in turn\n`,
  );
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'bench-'));
  const servers: Server[] = [];
  try {
    const tls = await (await anAuthority(folder, 'ca')).issue('server');
    for (const way of asked) servers.push(await startServer(folder, way, tls));
    for (const question of chosen(questions, positionals)) {
      const figures = servers.map((): Figure[] => []);
      // In turn, so that a change of the machine's other work meets all; the first round warms up.
      for (let round = 0; round <= rounds; round += 1) {
        for (const [index, server] of servers.entries()) {
          const figure = await measure(server, question);
          if (round > 0) figures[index]?.push(figure);
        }
      }
      print(question, asked, figures);
    }
  } finally {
    for (const server of servers) await server.stop();
    await rm(folder, { recursive: true });
  }
}

function print(question: Question, asked: readonly Way[], figures: readonly Figure[][]): void {
  const { name, unit, concurrency } = question;
  process.stdout.write(`\n${name}, ${concurrency} at a time\n`);
  const rates = figures.map((each) => spreadOf(each.map(({ rate }) => rate)));
  const costs = figures.map((each) => spreadOf(each.map(({ cpuMicros }) => cpuMicros)));
  for (const [index, way] of asked.entries()) {
    const [rate, cost] = [rates[index], costs[index]] as [Spread, Spread];
    process.stdout.write(
      `  ${way.name.padEnd(18)} ${whole(rate.median, 7)} ${unit}/s (${whole(rate.low)} to ${whole(rate.high)})` +
        `  server ${whole(cost.median, 6)} us each (${whole(cost.low)} to ${whole(cost.high)})` +
        `  ${ratioText(cost, costs[0])} of the time of ${asked[0]?.name}\n`,
    );
  }
}

function whole(value: number, width = 0): string {
  return value.toFixed(0).padStart(width);
}

function ratioText(cost: Spread, base: Spread | undefined): string {
  return `${(cost.median / (base?.median ?? cost.median)).toFixed(2)}x`;
}

await run();
