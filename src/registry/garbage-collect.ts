/**
 * Garbage collection: marks what manifests reach, then sweeps the rest. Called by `longshore garbage-collect`, on a
 * registry that is stopped or read-only. Output lines are Distribution's (reference 7.1), for scripts that read them.
 *
 *   mark    every manifest of every repository (with `deleteUntagged` the tagged ones), and all they reach
 *   settle  untagged manifests that something kept needs after all: children, referrers, the same digest elsewhere;
 *           with a least age also what young layer links name
 *   sweep   untagged manifests, then blobs without a mark, then the links to those
 *
 * Nothing is removed before all marking is done, and a storage failure ends the run. A manifest whose bytes cannot be
 * read as one (torn, or of a kind long gone) may point to anything in its repository: all of that is kept. So is what a
 * link that is empty or cut short may have named.
 */

import { hasCode } from '../errors.ts';
import type { Digest } from '../oci/digest.ts';
import { DriverCode, type StorageDriver } from '../storage/driver.ts';
import {
  blobDataPath,
  blobDirectory,
  blobsPath,
  layerLinkPath,
  layersPath,
  revisionPath,
  tagIndexPath,
} from '../storage/layout.ts';
import { readDigestLink } from '../storage/link-store.ts';
import { walkRepositories, walkRepositoryDirectories } from './catalog.ts';
import type { RegistryContext } from './context.ts';
import { type Candidate, Marks } from './garbage-marks.ts';
import { loadManifest } from './manifest-store.ts';
import { forEachLimited } from './parallel.ts';
import { removeReferrer } from './referrers-index.ts';
import { blobPages, digestPages } from './walk-storage.ts';

/** Files looked at side by side. */
const parallelReads = 16;
/** A writer that has not renamed its temp file for so long is gone. */
const tempAgeMs = 24 * 60 * 60 * 1000;

export interface GarbageOptions {
  readonly dryRun: boolean;
  readonly deleteUntagged: boolean;
  /** What was written less than this long ago is kept, so that an upload whose manifest is still to come survives. */
  readonly minAgeMs: number;
}

export interface GarbageResult {
  readonly marked: number;
  readonly blobs: number;
  readonly manifests: number;
  /** Manifests that could not be read; what they may need was kept. */
  readonly unreadable: number;
  /** Links that are empty or cut short; what they may name was kept. */
  readonly torn: number;
}

/**
 * Runs once over all storage. `emit` gets each output line, without its end.
 *
 * @throws driver errors; a run that failed while marking has removed nothing
 */
export async function collectGarbage(
  context: RegistryContext,
  options: GarbageOptions,
  emit: (line: string) => void,
): Promise<GarbageResult> {
  const { driver } = context;
  const youngerThanMs = options.minAgeMs > 0 ? context.now() - options.minAgeMs : undefined;
  const marks = new Marks(context, emit, youngerThanMs);
  for await (const name of walkRepositories(context)) {
    emit(name);
    await marks.markRepository(name, options.deleteUntagged);
  }
  const candidates = await marks.settle();
  await marks.markYoungLayers();
  for (const { name, digest, tags } of candidates) {
    emit(`manifest eligible for deletion: {${name} ${digest} [${tags.join(' ')}]}`);
  }
  if (!options.dryRun) {
    for (const candidate of candidates) {
      await removeManifest(context, candidate);
    }
  }
  const temps = await sweepTemps(context, options);
  const blobs = await unmarkedBlobs(driver, marks, youngerThanMs);
  emit('');
  emit(
    `${marks.size} blobs marked, ${blobs.length} blobs and ${candidates.length} manifests eligible for deletion`,
  );
  for (const digest of blobs) {
    emit(`blob eligible for deletion: ${digest}`);
    if (!options.dryRun) {
      await removeBlob(context, digest);
    }
  }
  await sweepLinks(context, marks, options, youngerThanMs, emit);
  if (temps > 0) {
    emit(`${temps} temp files of writers that died eligible for deletion`);
  }
  return {
    marked: marks.size,
    blobs: blobs.length,
    manifests: candidates.length,
    unreadable: marks.unreadable,
    torn: marks.torn,
  };
}

/**
 * What killed pushes left beside blobs. The purge of uploads looks there only where blobs are also written in their own
 * place: to walk over all of them each day would be dear.
 */
async function sweepTemps(
  { driver, now }: RegistryContext,
  options: GarbageOptions,
): Promise<number> {
  if (driver.openReplacement !== undefined) {
    return 0;
  }
  const olderThanMs = now() - Math.max(tempAgeMs, options.minAgeMs);
  return (await driver.purgeUploads?.(blobsPath, olderThanMs, { dryRun: options.dryRun })) ?? 0;
}

async function unmarkedBlobs(
  driver: StorageDriver,
  marks: Marks,
  youngerThanMs: number | undefined,
): Promise<readonly Digest[]> {
  const found: Digest[] = [];
  for await (const digests of blobPages(driver)) {
    const unmarked = digests.filter((digest) => !marks.has(digest));
    const facts = new Map<Digest, number>();
    await forEachLimited(unmarked, parallelReads, async (digest) => {
      const data = await driver.stat(blobDataPath(digest));
      if (data !== undefined && !data.isDirectory) {
        facts.set(digest, data.modifiedAtMs);
      }
    });
    found.push(
      ...unmarked.filter((digest) => {
        const modifiedAtMs = facts.get(digest);
        return modifiedAtMs !== undefined && !isYoung(modifiedAtMs, youngerThanMs);
      }),
    );
  }
  return found;
}

function isYoung(modifiedAtMs: number, youngerThanMs: number | undefined): boolean {
  return youngerThanMs !== undefined && modifiedAtMs > youngerThanMs;
}

async function removeManifest(context: RegistryContext, candidate: Candidate): Promise<void> {
  const { driver, logger } = context;
  const { name, digest, stored, tags } = candidate;
  for (const tag of tags) {
    const path = tagIndexPath(name, tag, digest);
    if ((await driver.stat(path)) !== undefined) {
      logger.info(`deleting manifest tag reference: ${path}`);
      await deleteIfThere(driver, path);
    }
  }
  const manifest = await loadManifest(context, stored);
  if (manifest !== undefined) {
    await removeReferrer(context, name, manifest, [digest]);
  }
  const path = revisionPath(name, digest);
  logger.info(`deleting manifest: ${path}`);
  await deleteIfThere(driver, path);
}

async function removeBlob(context: RegistryContext, digest: Digest): Promise<void> {
  const path = blobDirectory(digest);
  context.logger.info(`Deleting blob: ${path}`);
  await deleteIfThere(context.driver, path);
}

/** Links are judged when all marks are set: what a later repository keeps stays linked in an earlier one too. */
async function sweepLinks(
  context: RegistryContext,
  marks: Marks,
  options: GarbageOptions,
  youngerThanMs: number | undefined,
  emit: (line: string) => void,
): Promise<void> {
  const { driver } = context;
  for await (const name of walkRepositoryDirectories(context, '_layers')) {
    for await (const digests of digestPages(driver, layersPath(name))) {
      const unmarked: { digest: Digest; target: Digest }[] = [];
      await forEachLimited(digests, parallelReads, async (digest) => {
        const path = layerLinkPath(name, digest);
        const target = await readDigestLink(driver, path, digest);
        if (target === undefined || marks.has(target)) {
          return;
        }
        const written = youngerThanMs === undefined ? undefined : await driver.stat(path);
        if (!isYoung(written?.modifiedAtMs ?? 0, youngerThanMs)) {
          unmarked.push({ digest, target });
        }
      });
      for (const { digest, target } of unmarked.sort((a, b) => (a.digest < b.digest ? -1 : 1))) {
        emit(`${name}: layer link eligible for deletion: ${target}`);
        if (!options.dryRun) {
          const path = layerLinkPath(name, digest);
          context.logger.info(`Deleting layer link path: ${path}`);
          await deleteIfThere(driver, path);
        }
      }
    }
  }
}

async function deleteIfThere(driver: StorageDriver, path: string): Promise<void> {
  try {
    await driver.delete(path);
  } catch (error) {
    if (!hasCode(error, DriverCode.notFound)) {
      throw error;
    }
  }
}
