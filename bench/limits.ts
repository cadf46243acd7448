/**
 * What could any registry do on this machine? The bare operations that a push and a pull cannot do without, with nothing
 * around them: SHA-256, a loopback socket, a file written and synced, an image's small files committed as the registry
 * commits them, an HTTP request that does nothing. docs/performance.md sets our figures against these.
 *
 *   npm run bench:limits -- [FOLDER FOR STORAGE]
 */

import { fork } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { tryLoadUws } from '../src/http/uws/load.ts';
import { median } from './figures/statistics.ts';
import { requestRate } from './load/request-rate.ts';
import { mainThreadSeconds } from './suite/process-usage.ts';
import { makeFolderApart } from './suite/spread-folders.ts';
import { printMachine } from './support/measure.ts';

const gibibyte = 1024 ** 3;
const pieceBytes = 512 * 1024;
const piece = randomBytes(pieceBytes);
const rounds = 5;

interface Cost {
  readonly wallSeconds: number;
  /** Of this process, all threads. */
  readonly cpuSeconds: number;
}

async function costOf(work: () => void | Promise<void>): Promise<Cost> {
  const cpuBefore = process.cpuUsage();
  const startedAtMs = performance.now();
  await work();
  const wallSeconds = (performance.now() - startedAtMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { wallSeconds, cpuSeconds: (user + system) / 1e6 };
}

/** Medians of some rounds, after one that does not count. */
async function measured(work: () => void | Promise<void>): Promise<Cost> {
  await work();
  const costs: Cost[] = [];
  for (let round = 0; round < rounds; round += 1) {
    costs.push(await costOf(work));
  }
  return {
    wallSeconds: median(costs.map(({ wallSeconds }) => wallSeconds)),
    cpuSeconds: median(costs.map(({ cpuSeconds }) => cpuSeconds)),
  };
}

function print(what: string, text: string): void {
  process.stdout.write(`${what.padEnd(58)} ${text}\n`);
}

function printStream(what: string, bytes: number, { wallSeconds, cpuSeconds }: Cost): void {
  const rate = bytes / 1024 ** 2 / wallSeconds;
  const cpu = (cpuSeconds * gibibyte) / bytes;
  print(what, `${rate.toFixed(0)} MiB/s, ${cpu.toFixed(2)} CPU s/GiB`);
}

async function benchHash(): Promise<void> {
  const bytes = gibibyte / 2;
  const cost = await measured(() => {
    const hash = createHash('sha256');
    for (let at = 0; at < bytes; at += pieceBytes) {
      hash.update(piece);
    }
    hash.digest();
  });
  printStream('SHA-256, one core', bytes, cost);
}

/** Both ends of the connection are in this process, and both counted. */
async function benchLoopback(): Promise<void> {
  const bytes = gibibyte / 2;
  const sender = new Worker(fileURLToPath(import.meta.url), { workerData: { sendBytes: bytes } });
  const port = await new Promise<number>((resolve) => sender.once('message', resolve));
  const cost = await measured(
    () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect({
          port,
          host: '127.0.0.1',
          onread: { buffer: Buffer.allocUnsafe(pieceBytes), callback: () => true },
        });
        socket.once('close', () => resolve());
        socket.once('error', reject);
      }),
  );
  await sender.terminate();
  printStream('loopback TCP, both ends', bytes, cost);
}

/** In the thread of `benchLoopback`: sends so many bytes to whoever connects. */
function serveBytes(sendBytes: number): void {
  const server = createServer((socket) => {
    let left = sendBytes;
    const send = (): void => {
      while (left > 0) {
        left -= pieceBytes;
        if (!socket.write(piece)) {
          socket.once('drain', send);
          return;
        }
      }
      socket.end();
    };
    send();
  });
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    parentPort?.postMessage(typeof address === 'object' ? address?.port : undefined);
  });
}

async function benchLargeFile(folder: string): Promise<void> {
  const bytes = gibibyte / 2;
  const file = join(folder, 'large');
  const cost = await measured(() => {
    const fd = fs.openSync(file, 'w');
    for (let at = 0; at < bytes; at += pieceBytes) {
      fs.writeSync(fd, piece);
    }
    fs.fdatasyncSync(fd);
    fs.closeSync(fd);
  });
  fs.rmSync(file);
  printStream('file written and synced at its end', bytes, cost);
}

/** The calls of an image of profile (a): each blob by a session of its own, as the registry does it. */
function commitImage(root: string, name: string, sync: (fd: number) => void): void {
  const syncFolder = (path: string): void => {
    const fd = fs.openSync(path, 'r');
    sync(fd);
    fs.closeSync(fd);
  };
  const write = (path: string, content: Uint8Array): void => {
    const fd = fs.openSync(path, 'wx');
    fs.writeSync(fd, content);
    sync(fd);
    fs.closeSync(fd);
  };
  const put = (path: string, content: Uint8Array): void => {
    write(`${path}.tmp`, content);
    fs.renameSync(`${path}.tmp`, path);
  };
  for (let blob = 0; blob < 6; blob += 1) {
    const session = join(root, 'uploads', `${name}-${blob}`);
    fs.mkdirSync(session);
    write(join(session, 'data'), blob === 5 ? piece.subarray(0, 500) : piece.subarray(0, 65_536));
    write(join(session, 'link'), piece.subarray(0, 71));
    syncFolder(session);
    const data = join(root, 'blobs', `${name}-${blob}`);
    const link = join(root, 'layers', `${name}-${blob}`);
    fs.renameSync(session, data);
    fs.mkdirSync(link);
    fs.renameSync(join(data, 'link'), join(link, 'link'));
    for (const path of [link, join(root, 'blobs'), join(root, 'layers')]) {
      syncFolder(path);
    }
  }
  // The folders of sessions, several to a sync.
  syncFolder(join(root, 'uploads'));
  for (const kind of ['blobs', 'revisions', 'tags']) {
    const path = join(root, kind, `${name}-manifest`);
    fs.mkdirSync(path);
    put(join(path, 'file'), piece.subarray(0, 1500));
    syncFolder(path);
    syncFolder(join(root, kind));
  }
}

async function benchImages(
  folder: string,
  what: string,
  sync: (fd: number) => void,
): Promise<void> {
  const images = 20;
  let count = 0;
  for (const kind of ['uploads', 'blobs', 'layers', 'revisions', 'tags']) {
    fs.mkdirSync(join(folder, kind), { recursive: true });
  }
  const { wallSeconds, cpuSeconds } = await measured(() => {
    for (let image = 0; image < images; image += 1) {
      count += 1;
      commitImage(folder, String(count), sync);
    }
  });
  const cpuMs = (cpuSeconds * 1000) / images;
  const wallMs = (wallSeconds * 1000) / images;
  print(
    `files of an image of profile a, ${what}`,
    `${cpuMs.toFixed(1)} ms CPU, ${wallMs.toFixed(1)} ms in a row`,
  );
}

/** Many at once, as the registry has them under load. */
async function benchSyncs(folder: string): Promise<void> {
  const lanes = 16;
  const each = 50;
  const paths = Array.from({ length: lanes }, (_, lane) => join(folder, `sync${lane}`));
  const { wallSeconds, cpuSeconds } = await measured(async () => {
    await Promise.all(
      paths.map(async (path) => {
        const file = await fs.promises.open(path, 'a');
        for (let turn = 0; turn < each; turn += 1) {
          await file.write('x');
          await file.datasync();
        }
        await file.close();
      }),
    );
  });
  const perSecond = (lanes * each) / wallSeconds;
  const cpuUs = (cpuSeconds * 1e6) / (lanes * each);
  print(
    'appended and synced, 16 files side by side',
    `${perSecond.toFixed(0)}/s, ${cpuUs.toFixed(0)} µs CPU each`,
  );
}

/** The add-on with a handler that answers at once. */
async function benchRequests(): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ['serve-nothing']);
  const port = await new Promise<number>((resolve) =>
    child.once('message', (port) => resolve(Number(port))),
  );
  const load = {
    client: 'autocannon',
    port,
    connections: 16,
    method: 'GET',
    path: '/v2/',
  } as const;
  await requestRate({ ...load, seconds: 2 });
  const before = mainThreadSeconds(child.pid ?? 0);
  const { count, seconds } = await requestRate({ ...load, seconds: 4 });
  const cpuUs = ((mainThreadSeconds(child.pid ?? 0) - before) * 1e6) / count;
  child.kill();
  print(
    'GET answered by uWebSockets.js alone, 16 connections',
    `${(count / seconds).toFixed(0)}/s, ${cpuUs.toFixed(0)} µs CPU each`,
  );
}

function serveNothing(): void {
  const loaded = tryLoadUws(32_768);
  if ('why' in loaded) {
    throw new Error(loaded.why);
  }
  const { uws } = loaded;
  const app = uws.App();
  app.any('/*', (res) => {
    res.writeStatus('200 OK');
    res.writeHeader('Content-Type', 'application/json');
    res.end('{}');
  });
  app.listen('127.0.0.1', 0, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (socket) => {
    if (socket === false) {
      throw new Error('cannot listen');
    }
    process.send?.(uws.us_socket_local_port(socket));
  });
}

async function main(): Promise<void> {
  const storage = process.argv[2] ?? tmpdir();
  if (!fs.existsSync(storage)) {
    process.stderr.write(
      `no folder ${storage}\nusage: npm run bench:limits -- [FOLDER FOR STORAGE]\n`,
    );
    process.exitCode = 1;
    return;
  }
  const parent = fs.mkdtempSync(join(storage, 'longshore-limits-'));
  printMachine();
  try {
    const folder = makeFolderApart(parent, 'files');
    await benchHash();
    await benchLoopback();
    await benchLargeFile(folder);
    await benchSyncs(folder);
    await benchImages(join(folder, 'synced'), 'synced', fs.fsyncSync);
    await benchImages(join(folder, 'unsynced'), 'nothing synced', () => {});
    await benchRequests();
  } finally {
    fs.rmSync(parent, { recursive: true, force: true });
  }
}

if (!isMainThread) {
  serveBytes((workerData as { sendBytes: number }).sendBytes);
} else if (process.argv[2] === 'serve-nothing') {
  serveNothing();
} else {
  await main();
}
