/**
 * How do pushes and pulls on S3 compare with Debian's docker-registry on the same radosgw, and what does radosgw alone do?
 *
 *   npm run build && npx tsc -p test/tsconfig.json --noEmit false --outDir dist/bench-run
 *   node dist/bench-run/bench/s3.js [ROUNDS]
 *
 * Both servers run at once and take turns; each figure is the median of the rounds. Redirects are off, so that pulls
 * pass through the servers. `radosgw alone` writes the same bytes without a registry: the ceiling on this machine.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { stringify } from 'yaml';
import {
  ApiClient,
  aDescriptor,
  anImage,
  digestOf,
  locationOf,
  ociConfig,
  ociLayer,
} from '../test/support/api-client.ts';
import { noise } from '../test/support/bytes.ts';
import { startDockerRegistry } from '../test/support/docker-registry.ts';
import { startRadosgw } from '../test/support/radosgw.ts';
import { newBucket, plainClient } from '../test/support/s3-options.ts';
import { s3Storage } from '../test/support/s3-storage.ts';
import { type TempFolder, tempFolder } from '../test/support/temp-folder.ts';
import { printMachine } from './support/measure.ts';

const mebibyte = 1024 * 1024;
const rounds = Number(process.argv[2] ?? 3);
const connections = 8;
const imagesPerConnection = 12;
const largeBlobs = 4;
const largeBytes = 64 * mebibyte;
const partBytes = 10 * mebibyte;

interface Server {
  readonly name: string;
  readonly api: ApiClient;
  readonly pid: number;
  stop(): Promise<unknown>;
}

/** `amount / seconds` of one round. `seed` never repeats, so nothing is there already. */
interface Profile {
  readonly title: string;
  readonly unit: string;
  run(server: Server, seed: number): Promise<number>;
}

async function pushSession(api: ApiClient, name: string, bytes: Buffer): Promise<void> {
  const digest = digestOf(bytes);
  await api.head(`/v2/${name}/blobs/${digest}`);
  const patched = await api.patch(await api.startUpload(name), bytes);
  const reply = await api.finishUpload(locationOf(patched), digest);
  if (reply.status !== 201) {
    throw new Error(`push: ${reply.status} ${reply.text}`);
  }
}

/** As docker does it: a config, a layer of 10 KB, a manifest. */
async function pushImage(api: ApiClient, name: string, seed: number): Promise<void> {
  const config = Buffer.from(JSON.stringify({ seed }));
  const layer = noise(10_000, seed);
  await pushSession(api, name, config);
  await pushSession(api, name, layer);
  const manifest = anImage({
    config: aDescriptor(config, ociConfig),
    layers: [aDescriptor(layer, ociLayer)],
  });
  const reply = await api.putManifest(name, `v${seed}`, manifest);
  if (reply.status !== 201) {
    throw new Error(`manifest: ${reply.status} ${reply.text}`);
  }
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  await work();
  return (performance.now() - startedAtMs) / 1000;
}

function lanes(count: number, work: (lane: number) => Promise<void>): Promise<unknown> {
  return Promise.all(Array.from({ length: count }, (_, lane) => work(lane)));
}

/** Large blobs are made once and told apart by their first bytes: making noise costs more than sending it. */
const largeBase = noise(largeBytes, 1);
function largeBlob(seed: number, lane: number): Buffer {
  const bytes = Buffer.from(largeBase);
  bytes.writeUInt32BE(seed, 0);
  bytes.writeUInt32BE(lane, 4);
  return bytes;
}

const pulledRepository = 'bench/pulled';
const smallPull = noise(10_000, 99);
const largePull = largeBlob(0, 0);

async function preparePulls(api: ApiClient): Promise<void> {
  await pushSession(api, pulledRepository, smallPull);
  await pushSession(api, pulledRepository, largePull);
}

async function pull(api: ApiClient, bytes: Buffer): Promise<void> {
  const reply = await api.get(`/v2/${pulledRepository}/blobs/${digestOf(bytes)}`);
  if (reply.body.length !== bytes.length) {
    throw new Error(`pull: ${reply.status}, ${reply.body.length} bytes`);
  }
}

const profiles: readonly Profile[] = [
  {
    title: `push small images, ${connections} connections`,
    unit: 'images/s',
    run: async ({ api }, seed) => {
      const images = connections * imagesPerConnection;
      const time = await seconds(() =>
        lanes(connections, async (lane) => {
          for (let count = 0; count < imagesPerConnection; count += 1) {
            await pushImage(api, `bench/small${lane}`, seed * 10_000 + lane * 100 + count);
          }
        }),
      );
      return images / time;
    },
  },
  {
    title: `push ${largeBlobs} x 64 MiB side by side`,
    unit: 'MiB/s',
    run: async ({ api }, seed) => {
      const blobs = Array.from({ length: largeBlobs }, (_, lane) => largeBlob(seed, lane));
      const time = await seconds(() =>
        lanes(largeBlobs, (lane) => pushSession(api, `bench/large${lane}`, blobs[lane] as Buffer)),
      );
      return (largeBlobs * largeBytes) / mebibyte / time;
    },
  },
  {
    title: `pull a small blob, ${connections} connections`,
    unit: 'blobs/s',
    run: async ({ api }) => {
      const pulls = 50;
      const time = await seconds(() =>
        lanes(connections, async () => {
          for (let count = 0; count < pulls; count += 1) {
            await pull(api, smallPull);
          }
        }),
      );
      return (connections * pulls) / time;
    },
  },
  {
    title: `pull ${largeBlobs} x 64 MiB side by side`,
    unit: 'MiB/s',
    run: async ({ api }) => {
      const time = await seconds(() => lanes(largeBlobs, () => pull(api, largePull)));
      return (largeBlobs * largeBytes) / mebibyte / time;
    },
  },
];

/** The same large bytes in parts, two under way for each blob, and small objects: no registry in between. */
async function gatewayAlone(client: S3Client, bucket: string): Promise<[number, number]> {
  const puts = 50;
  const small = await seconds(() =>
    lanes(connections, async (lane) => {
      for (let count = 0; count < puts; count += 1) {
        await client.send(
          new PutObjectCommand({ Bucket: bucket, Key: `alone/${lane}/${count}`, Body: smallPull }),
        );
      }
    }),
  );
  const large = await seconds(() => lanes(largeBlobs, (lane) => putInParts(client, bucket, lane)));
  return [(connections * puts) / small, (largeBlobs * largeBytes) / mebibyte / large];
}

async function putInParts(client: S3Client, bucket: string, lane: number): Promise<void> {
  const at = { Bucket: bucket, Key: `alone/large${lane}` };
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(at));
  const numbers = Array.from(
    { length: Math.ceil(largeBytes / partBytes) },
    (_, index) => index + 1,
  );
  const queue = numbers.values();
  const parts: { PartNumber: number; ETag: string | undefined }[] = [];
  await lanes(2, async () => {
    for (const PartNumber of queue) {
      const Body = largeBase.subarray((PartNumber - 1) * partBytes, PartNumber * partBytes);
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

async function startLongshore(folder: TempFolder, storage: object): Promise<Server> {
  const file = join(folder.path, 'config.yml');
  const addr = '127.0.0.1:5791';
  await writeFile(
    file,
    stringify({
      version: 0.1,
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { delete: { enabled: true }, ...storage },
      http: { addr, secret: 'a secret for benches' },
    }),
  );
  const child = spawn(process.execPath, ['dist/src/launch.cjs', 'serve', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  while (
    !(await fetch(`http://${addr}/v2/`).then(
      (answer) => answer.ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null) {
      throw new Error('the registry did not start');
    }
    await delay(100);
  }
  return {
    name: 'longshore',
    api: new ApiClient(5791),
    pid: child.pid ?? 0,
    stop: () => {
      const exit = once(child, 'exit');
      child.kill();
      return exit;
    },
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const line = (text: string): boolean => process.stdout.write(`${text}\n`);

printMachine();
line(
  `load at the start ${loadavg()
    .map((load) => load.toFixed(1))
    .join(' ')}, ${rounds} rounds`,
);
const gateway = await startRadosgw();
const client = plainClient(gateway.endpoint);
const folder = await tempFolder();
const storageOf = async (): Promise<Record<string, unknown>> => ({
  ...s3Storage(gateway.endpoint, await newBucket(client), { chunksize: partBytes }),
  redirect: { disable: true },
});
const ours = await startLongshore(folder, await storageOf());
const debian = await startDockerRegistry(await storageOf());
const theirs: Server = {
  name: 'docker-registry',
  api: new ApiClient(debian.port),
  pid: debian.pid,
  stop: () => debian.stop(),
};
try {
  for (const { api } of [ours, theirs]) {
    await preparePulls(api);
  }
  let seed = 1;
  for (const profile of profiles) {
    const figures = { ours: [] as number[], theirs: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      figures.ours.push(await profile.run(ours, seed));
      figures.theirs.push(await profile.run(theirs, seed));
      seed += 1;
    }
    const [mine, other] = [median(figures.ours), median(figures.theirs)];
    line(
      `${profile.title}: longshore ${mine.toFixed(1)} ${profile.unit}, docker-registry ${other.toFixed(1)} ${profile.unit}, ratio ${(mine / other).toFixed(2)}`,
    );
  }
  const [puts, rate] = await gatewayAlone(client, await newBucket(client));
  line(
    `radosgw alone: ${puts.toFixed(0)} puts/s of 10 KB on ${connections} connections, ${rate.toFixed(1)} MiB/s in parts`,
  );
  line(
    `load at the end ${loadavg()
      .map((load) => load.toFixed(1))
      .join(' ')}`,
  );
} finally {
  for (const server of [ours, theirs]) {
    server.api.close();
    await server.stop();
  }
  client.destroy();
  await folder.remove();
  await gateway.stop();
}
