/**
 * Two instances with one secret and one storage behind a round-robin proxy, so that the requests of one upload land on
 * either: 200 images by skopeo, by chunks and in one go.
 */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forEachLimited } from '../../src/registry/parallel.ts';
import {
  ApiClient,
  aDescriptor,
  anImage,
  digestOf,
  locationOf,
  ociConfig,
  ociLayer,
} from '../support/api-client.ts';
import { noise } from '../support/bytes.ts';
import { writeSmallImage } from '../support/oci-layout.ts';
import { proxiesMissing, type ReverseProxy, startHaproxy } from '../support/proxies.ts';
import { type Radosgw, radosgwMissing, startRadosgw } from '../support/radosgw.ts';
import { type RunningRegistry, startRegistry } from '../support/registry.ts';
import { newBucket, plainClient } from '../support/s3-options.ts';
import { openUploadKeys, s3Storage } from '../support/s3-storage.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';
import { findProgram } from '../support/tools.ts';

const run = promisify(execFile);
const mebibyte = 1024 * 1024;
const skopeoImages = findProgram('skopeo') === undefined ? 0 : 20;
const chunkedImages = 90;
const wholeImages = 200 - skopeoImages - chunkedImages;
/** Raw clients at work at a time; an odd number keeps them from falling into step with the proxy. */
const clients = 7;

interface SharedStorage {
  readonly storage: Record<string, unknown>;
  /** Unfinished things that a finished push must not leave. */
  leftovers(): Promise<string[]>;
  release(): Promise<void>;
}

async function sharedFolder(): Promise<SharedStorage> {
  const folder = await tempFolder();
  return {
    storage: { filesystem: { rootdirectory: folder.path } },
    leftovers: async () => (await folder.files()).filter((file) => file.endsWith('.tmp')),
    release: () => folder.remove(),
  };
}

async function sharedBucket(): Promise<SharedStorage> {
  const gateway: Radosgw = await startRadosgw();
  const client: S3Client = plainClient(gateway.endpoint);
  const bucket = await newBucket(client);
  return {
    storage: s3Storage(gateway.endpoint, bucket),
    leftovers: () => openUploadKeys(client, bucket),
    async release(): Promise<void> {
      client.destroy();
      await gateway.stop();
    },
  };
}

describe.skipIf(proxiesMissing !== undefined).each([
  ['a shared folder', sharedFolder, undefined],
  ['one bucket', sharedBucket, radosgwMissing()],
] as const)(
  `two instances behind haproxy on %s ${proxiesMissing ?? ''}`,
  (_name, share, missing) => {
    let shared: SharedStorage;
    let folder: TempFolder;
    let proxy: ReverseProxy;
    let api: ApiClient;
    const instances: RunningRegistry[] = [];

    beforeAll(async () => {
      if (missing !== undefined) {
        return;
      }
      shared = await share();
      folder = await tempFolder();
      for (let count = 0; count < 2; count += 1) {
        instances.push(await startRegistry({ config: { storage: shared.storage } }));
      }
      proxy = await startHaproxy(
        join(folder.path, 'haproxy'),
        instances.map(({ port }) => port),
      );
      api = new ApiClient(proxy.port);
    });
    afterAll(async () => {
      api?.close();
      await proxy?.stop();
      await Promise.all(instances.splice(0).map((instance) => instance.stop()));
      await folder?.remove();
      await shared?.release();
    });

    /** Chunk by chunk; each request goes on with the Location that the other instance gave. */
    async function pushByChunks(name: string, content: Buffer, chunkBytes: number): Promise<void> {
      let location = await api.startUpload(name);
      for (let start = 0; start < content.length; start += chunkBytes) {
        const chunk = content.subarray(start, start + chunkBytes);
        const reply = await api.patch(location, chunk, {
          'Content-Range': `${start}-${start + chunk.length - 1}`,
        });
        expect(reply.status, reply.text).toBe(202);
        location = locationOf(reply);
      }
      const closed = await api.finishUpload(location, digestOf(content));
      expect(closed.status, closed.text).toBe(201);
    }

    async function pushWhole(name: string, content: Buffer): Promise<void> {
      const closed = await api.finishUpload(
        await api.startUpload(name),
        digestOf(content),
        content,
      );
      expect(closed.status, closed.text).toBe(201);
    }

    async function pushManifest(name: string, config: Buffer, layer: Buffer): Promise<void> {
      const manifest = JSON.stringify(
        anImage({ config: aDescriptor(config, ociConfig), layers: [aDescriptor(layer, ociLayer)] }),
      );
      const stored = await api.putManifest(name, 'v1', manifest);
      expect(stored.status, stored.text).toBe(201);
      expect(stored.headers['docker-content-digest']).toBe(digestOf(manifest));
      expect((await api.get(`/v2/${name}/manifests/v1`)).text).toBe(manifest);
    }

    async function expectBlob(name: string, content: Buffer): Promise<void> {
      const reply = await api.get(`/v2/${name}/blobs/${digestOf(content)}`);
      const bytes =
        reply.status === 307
          ? Buffer.from(await (await fetch(locationOf(reply))).arrayBuffer())
          : reply.body;
      expect(digestOf(bytes)).toBe(digestOf(content));
    }

    const sequence = (count: number): number[] =>
      Array.from({ length: count }, (_, index) => index);

    it.skipIf(missing !== undefined)(
      'take 200 images whose every request may be the other one’s',
      async () => {
        await forEachLimited(sequence(chunkedImages), clients, async (index) => {
          const name = `chunked/n${index}`;
          // Every thirtieth is longer than parts of S3 are; all others fit no part at all.
          const isLarge = index % 30 === 29;
          const layer = noise(isLarge ? 13 * mebibyte : 9000 + index, index);
          await pushByChunks(name, layer, isLarge ? 6 * mebibyte : 4000);
          const config = Buffer.from(JSON.stringify({ index }));
          await pushByChunks(name, config, 8);
          await pushManifest(name, config, layer);
          await expectBlob(name, layer);
        });
        await forEachLimited(sequence(wholeImages), clients, async (index) => {
          const name = `whole/n${index}`;
          const layer = noise(index % 30 === 29 ? 11 * mebibyte : 7000 + index, index + 500);
          await pushWhole(name, layer);
          const config = Buffer.from(JSON.stringify({ index }));
          await pushWhole(name, config);
          await pushManifest(name, config, layer);
          await expectBlob(name, layer);
        });
        await forEachLimited(sequence(skopeoImages), 2, async (index) => {
          const layout = join(folder.path, `image${index}`);
          const digest = await writeSmallImage(layout, 'v1', index);
          await run('skopeo', [
            ...['--insecure-policy', 'copy', '--quiet', '--preserve-digests'],
            ...['--dest-tls-verify=false', `oci:${layout}:v1`],
            `docker://127.0.0.1:${proxy.port}/skopeo/n${index}:v1`,
          ]);
          const reply = await api.head(`/v2/skopeo/n${index}/manifests/v1`);
          expect(reply.headers['docker-content-digest']).toBe(digest);
        });
        expect(await shared.leftovers()).toEqual([]);
        for (const instance of instances) {
          const patches = instance.log().match(/http\.request\.method=PATCH/g) ?? [];
          expect(patches.length).toBeGreaterThan(chunkedImages);
        }
      },
      240_000,
    );
  },
);
