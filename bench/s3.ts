/**
 * Is any way to push, pull or list on S3 slower than with Debian's docker-registry on the same radosgw and bucket, and
 * what bounds it?
 *
 *   npm run build && npx tsc -p test/tsconfig.json --noEmit false --outDir dist/bench-run
 *   node dist/bench-run/bench/s3.js [ROUNDS] [PART-OF-A-TITLE] [-- NODE-FLAGS-OF-OURS]
 *
 * The registries take turns; each figure is the median of the rounds. Beside it: CPU time per unit of the registry, of
 * the cluster (gateway, OSD, monitor) and of the client, and S3 requests per unit. With everything on one machine the
 * sum of the three is the bound: `at most` is the ratio that a registry without any CPU cost of its own would reach.
 */

import { readFileSync, statSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { noise } from '../test/support/bytes.ts';
import { type Radosgw, startRadosgw } from '../test/support/radosgw.ts';
import { newBucket, plainClient } from '../test/support/s3-options.ts';
import { s3Storage } from '../test/support/s3-storage.ts';
import { median } from './figures/statistics.ts';
import { GiB, MiB } from './load/content.ts';
import { cpuSeconds } from './suite/process-usage.ts';
import { printMachine } from './support/measure.ts';
import { type Profile, prepareProfiles } from './support/s3-profiles.ts';
import { type Contender, startContenders } from './support/s3-servers.ts';

const words = process.argv.slice(2);
const flagsAt = words.indexOf('--');
const [roundsWord = '3', wanted = ''] = flagsAt < 0 ? words : words.slice(0, flagsAt);
const nodeFlags = flagsAt < 0 ? [] : words.slice(flagsAt + 1);
const rounds = Number(roundsWord);
const secondsPerRun = 4;
const reclaimMs = 8000;
const partBytes = 10 * MiB;

/** One run: units per second, and what each unit cost. */
interface Figures {
  readonly rate: number;
  readonly registryMs: number;
  readonly clusterMs: number;
  readonly clientMs: number;
  /** S3 requests per unit; `NaN` where the gateway's log is not at hand. */
  readonly requests: number;
}

function cpuOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}

function ownCpu(): number {
  const { system, user } = process.cpuUsage();
  return (system + user) / 1e6;
}

/** Requests that the gateway logged from a byte of its log on. */
function requestsSince(logFile: string | undefined, startBytes: number): number {
  if (logFile === undefined) {
    return Number.NaN;
  }
  const text = readFileSync(logFile).subarray(startBytes).toString('latin1');
  return text.match(/ beast: .*HTTP\/1\.1"/g)?.length ?? 0;
}

async function run(gateway: Radosgw, contender: Contender, profile: Profile): Promise<Figures> {
  const { port, pid } = contender[profile.server];
  const { logFile, pids = [] } = gateway;
  const logStart = logFile === undefined ? 0 : statSync(logFile).size;
  const [registry, cluster, client] = [cpuSeconds(pid), cpuOf(pids), ownCpu()];
  const { count, seconds } = await profile.run(port, secondsPerRun);
  const figures = {
    rate: count / seconds,
    registryMs: ((cpuSeconds(pid) - registry) / count) * 1000,
    clusterMs: ((cpuOf(pids) - cluster) / count) * 1000,
    clientMs: ((ownCpu() - client) / count) * 1000,
    requests: requestsSince(logFile, logStart) / count,
  };
  await cleanUp(profile);
  return figures;
}

/** Waits for the cluster to free what was removed: else that falls into the next run, which is the other registry's. */
async function cleanUp(profile: Profile): Promise<void> {
  if (profile.cleanUp !== undefined) {
    await profile.cleanUp();
    await delay(reclaimMs);
  }
}

async function warmUp(contender: Contender, profile: Profile): Promise<void> {
  await profile.run(contender[profile.server].port, 1);
  await cleanUp(profile);
}

function medians(runs: readonly Figures[]): Figures {
  const of = (pick: (figures: Figures) => number): number => median(runs.map(pick));
  return {
    rate: of(({ rate }) => rate),
    registryMs: of(({ registryMs }) => registryMs),
    clusterMs: of(({ clusterMs }) => clusterMs),
    clientMs: of(({ clientMs }) => clientMs),
    requests: of(({ requests }) => requests),
  };
}

const line = (text: string): boolean => process.stdout.write(`${text}\n`);
const columns = [34, 17, 10, 10, 9, 9, 9, 9, 12];

function row(cells: readonly (string | number)[]): string {
  return cells
    .map((cell, index) => {
      const text = typeof cell === 'number' ? shown(cell) : cell;
      const width = columns[index] ?? 0;
      return index < 2 ? text.padEnd(width) : text.padStart(width);
    })
    .join('');
}

function shown(value: number): string {
  return Number.isNaN(value) ? '-' : value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

function report(profile: Profile, mine: Figures, other: Figures): void {
  const cells = ({ rate, registryMs, clusterMs, clientMs, requests }: Figures): number[] => [
    rate,
    registryMs,
    clusterMs,
    clientMs,
    requests,
  ];
  // All cores busy with the cluster and the client alone.
  const ceiling = (availableParallelism() * 1000) / (mine.clusterMs + mine.clientMs);
  const ratio = `${shown(mine.rate / other.rate)}x`;
  line(row([profile.title, 'longshore', ...cells(mine), ratio, `${shown(ceiling / other.rate)}x`]));
  line(row([`  ${profile.unit}`, 'docker-registry', ...cells(other)]));
}

function lanes(count: number, work: (lane: number) => Promise<void>): Promise<unknown> {
  return Promise.all(Array.from({ length: count }, (_, lane) => work(lane)));
}

/** No registry in between: small objects, and the large blobs' parts with two under way for each. */
async function clusterAlone(client: S3Client, bucket: string): Promise<[number, number]> {
  const [puts, blobs, connections] = [50, 4, 8];
  const small = noise(10_000, 99);
  const large = noise(64 * MiB, 1);
  const smallStartMs = performance.now();
  await lanes(connections, async (lane) => {
    for (let count = 0; count < puts; count += 1) {
      const Key = `alone/${lane}/${count}`;
      await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: small }));
    }
  });
  const largeStartMs = performance.now();
  await lanes(blobs, (lane) => putInParts(client, { Bucket: bucket, Key: `large${lane}` }, large));
  const largeMs = performance.now() - largeStartMs;
  return [
    (connections * puts * 1000) / (largeStartMs - smallStartMs),
    (blobs * large.length * 1000) / MiB / largeMs,
  ];
}

async function putInParts(
  client: S3Client,
  at: { Bucket: string; Key: string },
  bytes: Buffer,
): Promise<void> {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(at));
  const count = Math.ceil(bytes.length / partBytes);
  const queue = Array.from({ length: count }, (_, index) => index + 1).values();
  const parts: { PartNumber: number; ETag: string | undefined }[] = [];
  await lanes(2, async () => {
    for (const PartNumber of queue) {
      const Body = bytes.subarray((PartNumber - 1) * partBytes, PartNumber * partBytes);
      const { ETag } = await client.send(
        new UploadPartCommand({ ...at, UploadId, PartNumber, Body }),
      );
      parts.push({ PartNumber, ETag });
    }
  });
  parts.sort((left, right) => left.PartNumber - right.PartNumber);
  await client.send(
    new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts: parts } }),
  );
}

function load(): string {
  return loadavg()
    .map((value) => value.toFixed(1))
    .join(' ');
}

printMachine();
line(`load at the start ${load()}, ${rounds} rounds of ${secondsPerRun} s`);
const gateway = await startRadosgw({ storeBytes: 12 * GiB, reclaims: true });
const client = plainClient(gateway.endpoint);
const bucket = await newBucket(client);
const { s3 } = s3Storage(gateway.endpoint, bucket, { chunksize: partBytes });
const { ours, theirs, stop } = await startContenders(s3 as Record<string, unknown>, nodeFlags);
try {
  const profiles = await prepareProfiles(ours, client, bucket);
  const heads = ['per s', 'reg. ms', 'S3 ms', 'load ms', 'S3 calls', 'ratio', 'at most'];
  line(row(['', 'CPU per unit:', ...heads]));
  for (const profile of profiles.filter(({ title }) => title.includes(wanted))) {
    const runs = { ours: [] as Figures[], theirs: [] as Figures[] };
    await warmUp(ours, profile);
    await warmUp(theirs, profile);
    for (let round = 0; round < rounds; round += 1) {
      runs.ours.push(await run(gateway, ours, profile));
      runs.theirs.push(await run(gateway, theirs, profile));
    }
    report(profile, medians(runs.ours), medians(runs.theirs));
  }
  const [puts, rate] = await clusterAlone(client, await newBucket(client));
  line(`radosgw alone: ${shown(puts)} puts/s of 10 KB, ${shown(rate)} MiB/s in parts`);
  line(`load at the end ${load()}`);
} finally {
  await stop();
  client.destroy();
  await gateway.stop();
}
