/**
 * Walks over what is stored, page by page, for the commands that look at all of it (verify, garbage collection,
 * reindex). Names that no digest or repository can have are passed over.
 */

import { type Digest, tryParseDigest } from '../oci/digest.ts';
import { type RepositoryName, tryParseRepositoryName } from '../oci/reference.ts';
import type { ListEntry, StorageDriver } from '../storage/driver.ts';
import { blobsPath, repositoriesPath } from '../storage/layout.ts';

/** Entries asked of storage at once. */
const listPageEntries = 1000;

/** Children of a directory, in pages; none when it is not there. */
export async function* listPages(
  driver: StorageDriver,
  path: string,
): AsyncGenerator<readonly ListEntry[], void, void> {
  let after: string | undefined;
  for (;;) {
    const entries = await driver.list(path, {
      limit: listPageEntries,
      ...(after === undefined ? {} : { after }),
    });
    if (entries === undefined || entries.length === 0) {
      return;
    }
    yield entries;
    if (entries.length < listPageEntries) {
      return;
    }
    after = entries.at(-1)?.name;
  }
}

/** Paths of the files at any depth below `path`. */
export async function* filesBelow(
  driver: StorageDriver,
  path: string,
): AsyncGenerator<string, void, void> {
  for await (const entries of listPages(driver, path)) {
    for (const entry of entries) {
      if (entry.isDirectory) {
        yield* filesBelow(driver, `${path}/${entry.name}`);
      } else {
        yield `${path}/${entry.name}`;
      }
    }
  }
}

/** Digests that have a folder `<alg>/<hex>` below `path` (`_layers`, `revisions`), in pages. */
export async function* digestPages(
  driver: StorageDriver,
  path: string,
): AsyncGenerator<readonly Digest[], void, void> {
  for (const algorithm of (await driver.list(path)) ?? []) {
    for await (const entries of listPages(driver, `${path}/${algorithm.name}`)) {
      yield digestsOf(algorithm.name, entries);
    }
  }
}

/** Digests that have a folder in the blob store, in pages. Whether there is data in it is not asked. */
export async function* blobPages(
  driver: StorageDriver,
): AsyncGenerator<readonly Digest[], void, void> {
  for (const algorithm of (await driver.list(blobsPath)) ?? []) {
    const path = `${blobsPath}/${algorithm.name}`;
    for (const prefix of (await driver.list(path)) ?? []) {
      for await (const entries of listPages(driver, `${path}/${prefix.name}`)) {
        yield digestsOf(algorithm.name, entries).filter((digest) =>
          digest.includes(`:${prefix.name}`),
        );
      }
    }
  }
}

function digestsOf(algorithm: string, entries: readonly ListEntry[]): Digest[] {
  return entries
    .filter((entry) => entry.isDirectory)
    .map((entry) => tryParseDigest(`${algorithm}:${entry.name}`))
    .filter((digest) => digest !== undefined);
}

/** Every directory that holds anything of a repository (`_layers`, `_manifests`, `_uploads`), in byte order. */
export async function* walkRepositoryFolders(
  driver: StorageDriver,
  name = '',
): AsyncGenerator<RepositoryName, void, void> {
  const path = name === '' ? repositoriesPath : `${repositoriesPath}/${name}`;
  let isRepository = false;
  for await (const entries of listPages(driver, path)) {
    for (const entry of entries) {
      if (!entry.isDirectory) {
        continue;
      }
      if (entry.name.startsWith('_')) {
        const repository = isRepository ? undefined : tryParseRepositoryName(name);
        isRepository = true;
        if (repository !== undefined) {
          yield repository;
        }
        continue;
      }
      yield* walkRepositoryFolders(driver, name === '' ? entry.name : `${name}/${entry.name}`);
    }
  }
}
