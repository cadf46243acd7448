/**
 * What does an upload in many chunks cost beside the same bytes in one? Uploads 64 MiB as 1,000 chunks of 64 KiB with
 * Content-Range (and as fewer, to see that the cost grows with their number and no faster), and in one stream; wall
 * clock and the server's CPU time. Beside Distribution, when docker-registry is installed, and beside a bare loop of
 * write and fdatasync on the same file system: each acknowledged chunk survives a power cut, and that alone has a price.
 * Also with `chunksync: commit`, where it does not, and only the end of an upload is synced.
 *
 *   npm run build && npx tsc -p test/tsconfig.json --noEmit false --outDir dist/bench-run &&
 *   node dist/bench-run/bench/chunks.js [FOLDER FOR STORAGE]
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ApiClient, digestOf, locationOf } from '../test/support/api-client.ts';
import { findProgram } from '../test/support/tools.ts';
import { launchCommand } from './support/launch-command.ts';
import { printMachine } from './support/measure.ts';

const chunkBytes = 64 * 1024;
const counts = [125, 250, 500, 1000] as const;
const rounds = 5;
/** Before anything is measured: registries serve for weeks, and the first thousand requests measure a compiler. */
const warmUpMs = 6_000;
/** Ticks of /proc/PID/stat a second; 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
}

interface Server {
  readonly name: string;
  readonly child: ChildProcess;
  readonly api: ApiClient;
}

interface Program {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Of `storage.filesystem`, beside the folder. */
  readonly options?: Readonly<Record<string, string>>;
}

async function start({ name, command, options }: Program, folder: string): Promise<Server> {
  const file = join(folder, `${name}.yml`);
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, name), ...options } },
    http: { addr: '127.0.0.1:0', secret: 'bench' },
  };
  // Distribution tells its address at level info.
  await writeFile(file, stringify({ ...config, log: { ...config.log, level: 'info' } }));
  const [program, ...args] = command;
  const child = spawn(program, [...args, 'serve', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  const port = await new Promise<number>((resolve, reject) => {
    child.stderr?.on('data', (data: Buffer) => {
      log = (log + data.toString()).slice(-10_000);
      const match = /listening on 127\.0\.0\.1:(\d+)/.exec(log);
      if (match !== null) {
        resolve(Number(match[1]));
      }
    });
    child.once('exit', () => reject(new Error(log)));
  });
  return { name, child, api: new ApiClient(port) };
}

async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

/** The best of some rounds. */
async function measureUpload(server: Server, upload: () => Promise<void>): Promise<Cost> {
  let best: Cost = { wallMs: Number.POSITIVE_INFINITY, cpuMs: Number.POSITIVE_INFINITY };
  for (let round = 0; round < rounds; round += 1) {
    const cpuBefore = await cpuMs(server.child.pid ?? 0);
    const startedAtMs = performance.now();
    await upload();
    const wallMs = performance.now() - startedAtMs;
    const spentMs = (await cpuMs(server.child.pid ?? 0)) - cpuBefore;
    best = { wallMs: Math.min(best.wallMs, wallMs), cpuMs: Math.min(best.cpuMs, spentMs) };
  }
  return best;
}

async function chunked(api: ApiClient, bytes: Buffer, digest: string): Promise<void> {
  let location = await api.startUpload('bench/chunked');
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const reply = await api.patch(location, bytes.subarray(at, at + chunkBytes), {
      'content-range': `${at}-${at + chunkBytes - 1}`,
      'content-type': 'application/octet-stream',
    });
    location = locationOf(reply);
  }
  await finish(api, location, digest);
}

async function streamed(api: ApiClient, bytes: Buffer, digest: string): Promise<void> {
  const location = await api.startUpload('bench/streamed');
  const headers = { 'content-type': 'application/octet-stream' };
  const reply = await api.send('PATCH', location, { body: [bytes], headers });
  await finish(api, locationOf(reply), digest);
}

async function finish(api: ApiClient, location: string, digest: string): Promise<void> {
  const reply = await api.finishUpload(location, digest);
  if (reply.status !== 201) {
    throw new Error(`${reply.status} ${reply.text}`);
  }
}

async function warmUp(api: ApiClient, bytes: Buffer): Promise<void> {
  const part = bytes.subarray(0, 200 * chunkBytes);
  for (const untilMs = performance.now() + warmUpMs; performance.now() < untilMs; ) {
    await streamed(api, bytes, digestOf(bytes));
    await chunked(api, part, digestOf(part));
  }
}

async function benchServer(server: Server): Promise<void> {
  const bytes = Buffer.alloc(1000 * chunkBytes, server.name);
  const print = (what: string, cost: Cost, against: Cost): void => {
    const wall = `${cost.wallMs.toFixed(0)} ms (x${(cost.wallMs / against.wallMs).toFixed(2)})`;
    const cpu = `${cost.cpuMs.toFixed(0)} ms (x${(cost.cpuMs / against.cpuMs).toFixed(2)})`;
    process.stdout.write(
      `${server.name.padEnd(18)}${what.padEnd(24)}wall ${wall.padEnd(20)} cpu ${cpu}\n`,
    );
  };
  await warmUp(server.api, bytes);
  const whole = await measureUpload(server, () => streamed(server.api, bytes, digestOf(bytes)));
  print('one stream', whole, whole);
  for (const count of counts) {
    const part = bytes.subarray(0, count * chunkBytes);
    const cost = await measureUpload(server, () => chunked(server.api, part, digestOf(part)));
    print(`${count} chunks`, cost, whole);
  }
}

/** What the file system itself takes for so many synced writes. */
async function bareMs(folder: string, count: number, bytes: Buffer): Promise<number> {
  const file = join(folder, 'bare');
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round += 1) {
    const handle = await open(file, 'w');
    const startedAtMs = performance.now();
    for (let n = 0; n < count; n += 1) {
      await handle.write(bytes);
      await handle.datasync();
    }
    best = Math.min(best, performance.now() - startedAtMs);
    await handle.close();
    await rm(file);
  }
  return best;
}

async function benchFileSystem(folder: string): Promise<void> {
  const whole = await bareMs(folder, 1, Buffer.alloc(1000 * chunkBytes, 'bare'));
  const chunks = await bareMs(folder, 1000, Buffer.alloc(chunkBytes, 'bare'));
  const ratio = (chunks / whole).toFixed(2);
  process.stdout.write(
    `bare write + fdatasync: one ${whole.toFixed(0)} ms, 1000 ${chunks.toFixed(0)} ms (x${ratio})\n`,
  );
}

printMachine();
const folder = await mkdtemp(join(process.argv[2] ?? tmpdir(), 'longshore-bench-'));
await benchFileSystem(folder);
const longshore = launchCommand();
const programs: Program[] = [
  { name: 'longshore', command: longshore },
  { name: 'chunksync-commit', command: longshore, options: { chunksync: 'commit' } },
];
if (findProgram('docker-registry') !== undefined) {
  programs.push({ name: 'docker-registry', command: ['docker-registry'] });
}
for (const program of programs) {
  const server = await start(program, folder);
  try {
    await benchServer(server);
  } finally {
    server.api.close();
    const ended = once(server.child, 'exit');
    server.child.kill();
    await ended;
  }
}
await rm(folder, { recursive: true, force: true });
