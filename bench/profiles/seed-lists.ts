/**
 * Writes repositories and tags straight into a storage root, in the tree that Distribution and this registry share:
 * pushing 20,000 of them would take minutes for each server.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { textBlob } from '../load/content.ts';
import { type Image, imageOf } from '../load/push.ts';

export const tagsRepository = 'bench/tags';

/** Name of tag or repository number `index`: all of a length, so that their order is their number. */
export function entryName(index: number): string {
  return `e${String(index).padStart(6, '0')}`;
}

/** One repository with that many tags, and that many repositories below `many/`. */
export async function seedLists(root: string, entries: number): Promise<void> {
  const tree = join(root, 'docker/registry/v2');
  const layer = textBlob('a layer that every repository shares');
  const image = imageOf([layer]);
  for (const blob of [layer, image.config, image.manifest]) {
    const hex = hexOf(blob.digest);
    const path = join(tree, 'blobs/sha256', hex.slice(0, 2), hex, 'data');
    write(path, Buffer.concat([...blob.parts()]).toString());
  }
  const tagged = join(tree, 'repositories', tagsRepository);
  writeRepository(tagged, image);
  for (let index = 0; index < entries; index += 1) {
    writeTag(tagged, entryName(index), image.manifest.digest);
    const repository = join(tree, 'repositories/many', entryName(index));
    writeRepository(repository, image);
    writeTag(repository, 'latest', image.manifest.digest);
  }
}

function writeRepository(folder: string, image: Image): void {
  for (const blob of [image.config, ...image.layers]) {
    write(join(folder, '_layers/sha256', hexOf(blob.digest), 'link'), blob.digest);
  }
  const { digest } = image.manifest;
  write(join(folder, '_manifests/revisions/sha256', hexOf(digest), 'link'), digest);
}

function writeTag(folder: string, tag: string, digest: string): void {
  const tagFolder = join(folder, '_manifests/tags', tag);
  write(join(tagFolder, 'current/link'), digest);
  write(join(tagFolder, 'index/sha256', hexOf(digest), 'link'), digest);
}

/** Synchronous on purpose: nothing else runs meanwhile, and 100,000 small files go in three times as fast. */
function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function hexOf(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1);
}
