/** An image of one layer as an OCI image layout on disk, for clients such as skopeo to push. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { aDescriptor, digestOf, ociConfig, ociLayer, ociManifest } from './api-client.ts';

/** @returns digest of the image's manifest, which is tagged `latest` */
export async function writeOciLayout(folder: string, layerBytes: Buffer): Promise<string> {
  const layer = gzipSync(layerBytes, { level: 0 });
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [digestOf(layerBytes)] },
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: ociManifest,
    config: aDescriptor(config, ociConfig),
    layers: [aDescriptor(layer, ociLayer)],
  });
  const index = {
    schemaVersion: 2,
    manifests: [
      aDescriptor(manifest, ociManifest, {
        annotations: { 'org.opencontainers.image.ref.name': 'latest' },
      }),
    ],
  };
  await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true });
  for (const bytes of [layer, config, manifest]) {
    await writeFile(join(folder, 'blobs', ...digestOf(bytes).split(':')), bytes);
  }
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(folder, 'index.json'), JSON.stringify(index));
  return digestOf(manifest);
}
