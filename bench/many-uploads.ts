/**
 * Do many uploads at once all succeed, in bounded memory, with the registry still answering? 500 uploads of 64 MiB, each
 * of other bytes, begun together; peak memory of the server, failures, and the latency of GET /v2/ from another
 * connection meanwhile. Beside Distribution, when docker-registry is installed. Needs 32 GB of disk, freed at the end.
 *
 *   npm run build && npx tsc -p test/tsconfig.json --noEmit false --outDir dist/bench-run &&
 *   node dist/bench-run/bench/many-uploads.js [FOLDER [UPLOADS [MIB EACH [longshore | docker-registry]]]]
 */

import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { blobMaker, peakMemoryMib, uploadBlob } from './support/light-upload.ts';
import { printMachine } from './support/measure.ts';
import { type Peer, withPeers } from './support/peers.ts';

const mebibyte = 1024 * 1024;
const probeEveryMs = 20;

/** On a thread of its own, so that what is measured is the server's delay and not that of 500 busy sockets here. */
async function probe(port: number): Promise<void> {
  const latenciesMs: number[] = [];
  let isOver = false;
  parentPort?.once('message', () => {
    isOver = true;
  });
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  while (!isOver) {
    const startedAtMs = performance.now();
    socket.write('GET /v2/ HTTP/1.1\r\nHost: bench\r\n\r\n');
    await once(socket, 'data');
    latenciesMs.push(performance.now() - startedAtMs);
    await delay(probeEveryMs);
  }
  socket.destroy();
  parentPort?.postMessage(latenciesMs);
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

async function bench(peer: Peer, uploads: number, mib: number): Promise<void> {
  const blobOf = blobMaker(Buffer.alloc(mebibyte, 'many uploads'), mib);
  const blobs = Array.from({ length: uploads }, (_, n) => blobOf(n));
  const idleMib = await peakMemoryMib(peer.pid);
  const prober = new Worker(new URL(import.meta.url), { workerData: peer.port });
  const startedAtMs = performance.now();
  const results = await Promise.allSettled(
    blobs.map((blob) => uploadBlob(peer.port, 'bench/many', blob)),
  );
  const seconds = (performance.now() - startedAtMs) / 1000;
  prober.postMessage('over');
  const [latenciesMs] = (await once(prober, 'message')) as [number[]];
  const sorted = latenciesMs.sort((a, b) => a - b);
  const failed = results.filter((result) => result.status === 'rejected');
  const rate = ((uploads - failed.length) * mib) / seconds;
  process.stdout.write(
    `${peer.name}: ${uploads} x ${mib} MiB in ${seconds.toFixed(1)} s (${rate.toFixed(0)} MiB/s), ` +
      `${failed.length} failed; memory ${idleMib.toFixed(0)} MiB idle, ` +
      `${(await peakMemoryMib(peer.pid)).toFixed(0)} MiB peak; ` +
      `/v2/ p50 ${quantile(sorted, 0.5).toFixed(1)}, p99 ${quantile(sorted, 0.99).toFixed(1)}, ` +
      `max ${quantile(sorted, 1).toFixed(1)} ms of ${sorted.length}\n`,
  );
  for (const failure of failed.slice(0, 5)) {
    process.stdout.write(`  ${String(failure.reason)}\n`);
  }
}

if (isMainThread) {
  const [folder = tmpdir(), uploads = '500', mib = '64', only] = process.argv.slice(2);
  printMachine();
  await withPeers(folder, only, (peer) => bench(peer, Number(uploads), Number(mib)));
} else {
  await probe(workerData as number);
}
