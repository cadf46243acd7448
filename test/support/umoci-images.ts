/**
 * Images for client tests, made from nothing by umoci: two platforms of two layers each, and an index of both, in one
 * OCI layout under the tags `amd64`, `arm64` and `multi`. Needs no network.
 */

import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { digestOf, ociIndex } from './api-client.ts';
import { noise } from './bytes.ts';

const run = promisify(execFile);
export const platforms = ['amd64', 'arm64'] as const;

export interface UmociImages {
  readonly layout: string;
  /** Bytes of the index. */
  readonly index: string;
  readonly indexDigest: string;
}

interface LayoutIndex {
  manifests: { mediaType: string; digest: string; size: number; annotations?: object }[];
}

export async function makeUmociImages(folder: string): Promise<UmociImages> {
  const layout = join(folder, 'layout');
  await run('umoci', ['init', '--layout', layout]);
  for (const [place, platform] of platforms.entries()) {
    const image = `${layout}:${platform}`;
    await run('umoci', ['new', '--image', image]);
    for (const layer of [1, 2]) {
      const content = join(folder, `${platform}-${layer}`);
      await mkdir(content);
      await writeFile(join(content, 'data'), noise(layer * 40_000, place * 10 + layer));
      await run('umoci', ['insert', '--image', image, content, `/opt/${layer}`]);
    }
    const settings = ['--architecture', platform, '--os', 'linux', '--config.cmd', '/opt/none'];
    await run('umoci', ['config', '--image', image, ...settings]);
  }
  await run('umoci', ['gc', '--layout', layout]);

  const file = join(layout, 'index.json');
  const listed = JSON.parse(await readFile(file, 'utf8')) as LayoutIndex;
  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: ociIndex,
    manifests: listed.manifests.map(({ mediaType, digest, size }, place) => ({
      mediaType,
      digest,
      size,
      platform: { os: 'linux', architecture: platforms[place] },
    })),
  });
  const indexDigest = digestOf(index);
  await writeFile(join(layout, 'blobs', 'sha256', indexDigest.slice('sha256:'.length)), index);
  listed.manifests.push({
    mediaType: ociIndex,
    digest: indexDigest,
    size: index.length,
    annotations: { 'org.opencontainers.image.ref.name': 'multi' },
  });
  await writeFile(file, JSON.stringify(listed));
  return { layout, index, indexDigest };
}

/** Names of the blobs in a layout; throws when one does not hold what its name says. */
export async function checkedBlobs(layout: string): Promise<string[]> {
  const folder = join(layout, 'blobs', 'sha256');
  const names = (await readdir(folder)).sort();
  for (const name of names) {
    if (digestOf(await readFile(join(folder, name))) !== `sha256:${name}`) {
      throw new Error(`corrupt blob ${name}`);
    }
  }
  return names;
}
