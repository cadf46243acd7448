/** What the S3 bench measures: each profile is a load for a few seconds on one registry. */

import { DeleteObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Connection, headerOf } from '../load/connection.ts';
import { type Content, MiB, uniqueBlob } from '../load/content.ts';
import { inMebibytes, type Measurement, repeatFor } from '../load/measurement.ts';
import {
  expect,
  getBlob,
  imageOf,
  manifestType,
  pushBlob,
  pushImage,
  pushInPut,
} from '../load/push.ts';
import type { Contender } from './s3-servers.ts';

const smallConnections = 8;
const largeBytes = 64 * MiB;
const smallBytes = 10_000;
const readBytes = MiB;
export const tagCount = 10_000;

export interface Profile {
  readonly title: string;
  readonly unit: string;
  /** Which of the contender's two servers it loads. */
  readonly server: 'through' | 'redirecting';
  run(port: number, seconds: number): Promise<Measurement>;
  /** After each run: the cluster keeps everything in memory. */
  cleanUp?(): Promise<void>;
}

/** Pushes what the pulls read, by way of one registry: the other sees it too, they share the bucket. */
export async function prepareProfiles(
  contender: Contender,
  client: S3Client,
  bucket: string,
): Promise<readonly Profile[]> {
  const connection = new Connection(contender.through.port);
  const large = uniqueBlob(largeBytes);
  const small = uniqueBlob(smallBytes);
  const image = imageOf([small]);
  await pushBlob(connection, 'bench/pulled', large);
  await pushImage(connection, 'bench/pulled', 'latest', image);
  await pushImage(connection, 'bench/tags', 'latest', image);
  connection.close();
  await seedTags(client, bucket, image.manifest.digest);
  return profilesOver(small, large, { client, bucket });
}

/** Straight into the bucket, as tag pushes would leave them: pushing so many takes minutes. */
async function seedTags(client: S3Client, bucket: string, digest: string): Promise<void> {
  const numbers = Array.from({ length: tagCount - 1 }, (_, index) => index).values();
  const lane = async (): Promise<void> => {
    for (const number of numbers) {
      const tag = `e${String(number).padStart(6, '0')}`;
      const Key = `docker/registry/v2/repositories/bench/tags/_manifests/tags/${tag}/current/link`;
      await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: digest }));
    }
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}

function profilesOver(
  small: Content,
  large: Content,
  { client, bucket }: { client: S3Client; bucket: string },
): readonly Profile[] {
  const pushed: string[] = [];
  const removePushed = async (): Promise<void> => {
    for (const digest of pushed.splice(0)) {
      const hex = digest.slice('sha256:'.length);
      const Key = `docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`;
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
    }
  };
  const pulls = (connections: number): Profile => ({
    title: `pull 64 MiB through, ${connections} conn.`,
    unit: 'MiB/s',
    server: 'through',
    run: async (port, seconds) =>
      inMebibytes(
        await repeatFor({ port, connections, seconds, readBytes }, (connection) =>
          getBlob(connection, 'bench/pulled', large.digest),
        ),
      ),
  });
  const pushes = (
    connections: number,
    how = '',
    server: Profile['server'] = 'through',
    push = pushBlob,
  ): Profile => ({
    title: `push 64 MiB, ${connections} conn.${how}`,
    unit: 'MiB/s',
    server,
    run: async (port, seconds) =>
      inMebibytes(
        await repeatFor({ port, connections, seconds }, async (connection, _, lane) => {
          const blob = uniqueBlob(largeBytes);
          await push(connection, `bench/large${lane}`, blob);
          pushed.push(blob.digest);
          return largeBytes;
        }),
      ),
    cleanUp: removePushed,
  });
  return [
    {
      title: `push small images, ${smallConnections} conn.`,
      unit: 'images/s',
      server: 'through',
      run: (port, seconds) =>
        repeatFor({ port, connections: smallConnections, seconds }, async (connection, _, lane) => {
          const image = imageOf([uniqueBlob(smallBytes)]);
          const tag = image.manifest.digest.slice(7, 27);
          await pushImage(connection, `bench/small${lane}`, tag, image);
          return smallBytes;
        }),
    },
    pushes(1),
    pushes(4),
    pushes(4, ', one copy', 'redirecting'),
    pushes(4, ', in the PUT', 'through', pushInPut),
    {
      title: `pull 10 KB through, ${smallConnections} conn.`,
      unit: 'blobs/s',
      server: 'through',
      run: (port, seconds) =>
        repeatFor({ port, connections: smallConnections, seconds }, (connection) =>
          getBlob(connection, 'bench/pulled', small.digest),
        ),
    },
    {
      title: `pull 10 KB by redirect, ${smallConnections} conn.`,
      unit: 'blobs/s',
      server: 'redirecting',
      run: (port, seconds) => pullRedirected(port, seconds, small.digest),
    },
    {
      title: `GET a manifest by tag, ${smallConnections} conn.`,
      unit: 'requests/s',
      server: 'through',
      run: (port, seconds) =>
        repeatFor({ port, connections: smallConnections, seconds }, async (connection) => {
          const path = '/v2/bench/pulled/manifests/latest';
          const headers = { Accept: manifestType };
          const reply = await expect(connection, [200], { method: 'GET', path, headers });
          return reply.bodyBytes;
        }),
    },
    pulls(1),
    pulls(4),
    {
      title: `list ${tagCount} tags, 1 conn.`,
      unit: 'lists/s',
      server: 'through',
      run: (port, seconds) => repeatFor({ port, connections: 1, seconds }, listTags),
    },
  ];
}

/** Follows the redirect on a connection to the bucket that each lane keeps. */
async function pullRedirected(port: number, seconds: number, digest: string): Promise<Measurement> {
  const toBucket: Connection[] = [];
  try {
    return await repeatFor(
      { port, connections: smallConnections, seconds },
      async (connection, _, lane) => {
        const path = `/v2/bench/pulled/blobs/${digest}`;
        const { head } = await expect(connection, [307], { method: 'GET', path });
        const target = new URL(headerOf(head, 'location') ?? '');
        toBucket[lane] ??= new Connection(Number(target.port));
        const reply = await expect(toBucket[lane], [200], {
          method: 'GET',
          path: target.pathname + target.search,
        });
        return reply.bodyBytes;
      },
    );
  } finally {
    for (const connection of toBucket) {
      connection?.close();
    }
  }
}

/** All of them, however many pages the registry makes of it. */
async function listTags(connection: Connection): Promise<number> {
  let tags = 0;
  let bytes = 0;
  let path: string | undefined = '/v2/bench/tags/tags/list';
  while (path !== undefined) {
    const reply = await expect(connection, [200], { method: 'GET', path, keepsBody: true });
    tags += (JSON.parse(reply.body.toString()) as { tags: string[] }).tags.length;
    bytes += reply.bodyBytes;
    path = /<(?:https?:\/\/[^/]+)?([^>]+)>/.exec(headerOf(reply.head, 'link') ?? '')?.[1];
  }
  if (tags !== tagCount) {
    throw new Error(`${tags} tags listed, not ${tagCount}`);
  }
  return bytes;
}
