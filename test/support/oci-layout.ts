/** Images on disk as OCI layouts, for skopeo to push: real configs and gzip layers, content that nobody unpacks. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { aDescriptor, digestOf, ociConfig, ociIndex, ociLayer, ociManifest } from './api-client.ts';
import { noise } from './bytes.ts';

/** Writes an image under `tag` to a layout of its own and gives the digest of its manifest. */
export async function writeOciLayout(
  folder: string,
  tag: string,
  layers: readonly Buffer[],
): Promise<string> {
  const blobs = join(folder, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const put = async (bytes: Buffer): Promise<void> =>
    writeFile(join(blobs, digestOf(bytes).slice('sha256:'.length)), bytes);
  const packed = layers.map((layer) => gzipSync(layer, { level: 0 }));
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => digestOf(layer)) },
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: ociManifest,
      config: aDescriptor(config, ociConfig),
      layers: packed.map((layer) => aDescriptor(layer, ociLayer)),
    }),
  );
  for (const bytes of [config, manifest, ...packed]) {
    await put(bytes);
  }
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(
    join(folder, 'index.json'),
    JSON.stringify({
      schemaVersion: 2,
      mediaType: ociIndex,
      manifests: [
        aDescriptor(manifest, ociManifest, {
          annotations: { 'org.opencontainers.image.ref.name': tag },
        }),
      ],
    }),
  );
  return digestOf(manifest);
}

/** An image of one noise layer that differs by `seed`. */
export function writeSmallImage(folder: string, tag: string, seed: number): Promise<string> {
  return writeOciLayout(folder, tag, [noise(1000 + seed, seed + 1)]);
}
