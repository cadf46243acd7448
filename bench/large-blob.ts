/**
 * Is memory flat however large a blob is? Uploads one blob of the given size in one stream and downloads it again; peak
 * memory of the server, and how fast. Beside Distribution, when docker-registry is installed. Needs the blob's size on
 * disk, freed at the end.
 *
 *   npm run build && npx tsc -p test/tsconfig.json --noEmit false --outDir dist/bench-run &&
 *   node dist/bench-run/bench/large-blob.js GIB [FOLDER [longshore | docker-registry]]
 */

import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { blobMaker, peakMemoryMib, uploadBlob } from './support/light-upload.ts';
import { printMachine } from './support/measure.ts';
import { type Peer, withPeers } from './support/peers.ts';

const mebibyte = 1024 * 1024;

function download(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', path }, (reply) => {
      let bytes = 0;
      reply.on('data', (piece: Buffer) => {
        bytes += piece.length;
      });
      reply.once('end', () => resolve(bytes));
      reply.once('error', reject);
    }).once('error', reject);
  });
}

async function bench(peer: Peer, gib: number): Promise<void> {
  const mib = Math.round(gib * 1024);
  const blob = blobMaker(Buffer.alloc(mebibyte, 'large blob'), mib)(1);
  const idleMib = await peakMemoryMib(peer.pid);
  const startedAtMs = performance.now();
  await uploadBlob(peer.port, 'bench/large', blob);
  const uploadedAtMs = performance.now();
  const afterUploadMib = await peakMemoryMib(peer.pid);
  const bytes = await download(peer.port, `/v2/bench/large/blobs/${blob.digest}`);
  const downloadedAtMs = performance.now();
  if (bytes !== blob.sizeBytes) {
    throw new Error(`${bytes} of ${blob.sizeBytes} bytes came back`);
  }
  const rate = (ms: number): string => `${(mib / (ms / 1000)).toFixed(0)} MiB/s`;
  process.stdout.write(
    `${peer.name}: ${gib} GiB, up ${rate(uploadedAtMs - startedAtMs)}, down ${rate(downloadedAtMs - uploadedAtMs)}; ` +
      `peak memory ${idleMib.toFixed(0)} MiB idle, ${afterUploadMib.toFixed(0)} MiB after the upload, ` +
      `${(await peakMemoryMib(peer.pid)).toFixed(0)} MiB after the download\n`,
  );
}

const [gib = '1', folder = tmpdir(), only] = process.argv.slice(2);
printMachine();
await withPeers(folder, only, (peer) => bench(peer, Number(gib)));
