/**
 * The index of referrers: one small file per referrer, holding its descriptor, kept at push and at delete. It can be
 * rebuilt from the manifests: a repository without the mark of a complete index (Distribution wrote it, or we have not
 * been asked yet) is looked through once, at the first question.
 *
 * A hint: where it may not be written (read-only mode) or cannot (a read-only mount, a full disk), whoever asks goes by
 * a scan of the manifests (referrers-scan.ts).
 */

import { LRUCache } from 'lru-cache';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, tryParseDigest } from '../oci/digest.ts';
import { artifactTypeOf, type ParsedManifest, parseStoredManifest } from '../oci/manifest.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { WriteStep } from '../storage/driver.ts';
import {
  referrerPath,
  referrersCompletePath,
  referrersOfPath,
  referrersPath,
  revisionLinkPath,
} from '../storage/layout.ts';
import { inspectLink, removeLink } from '../storage/link-store.ts';
import type { RegistryContext } from './context.ts';
import type { StoredManifest } from './manifest-cache.ts';
import { loadStored } from './manifest-store.ts';
import { forEachLimited } from './parallel.ts';
import { findReferring, subjectIn } from './referrers-scan.ts';
import { digestPages } from './walk-storage.ts';

/** Files read at once. */
const parallelReads = 16;
/** Repositories of which something is known. */
const maxRepositories = 10_000;
/** An index that could not be built is let be for so long, and no more often does the log tell. */
const pauseMs = 5 * 60_000;

/** Which repositories have a complete index; builds it where it is not. */
export class ReferrerIndexes {
  readonly #complete: LRUCache<RepositoryName, Promise<boolean>> = new LRUCache({
    max: maxRepositories,
  });
  readonly #failedAtMs: LRUCache<RepositoryName, number> = new LRUCache({ max: maxRepositories });
  #toldAtMs: number | undefined;

  /** Whether the index of a repository tells all there is. Those who ask at the same time share one build. */
  isComplete(context: RegistryContext, name: RepositoryName): Promise<boolean> {
    let complete = this.#complete.get(name);
    if (complete === undefined) {
      complete = this.#findOrBuild(context, name).then(
        (isComplete) => {
          if (!isComplete) {
            this.#complete.delete(name);
          }
          return isComplete;
        },
        (error: unknown) => {
          this.#complete.delete(name);
          throw error;
        },
      );
      this.#complete.set(name, complete);
    }
    return complete;
  }

  async #findOrBuild(context: RegistryContext, name: RepositoryName): Promise<boolean> {
    const isMarked = async (): Promise<boolean> =>
      (await context.driver.stat(referrersCompletePath(name))) !== undefined;
    if (await isMarked()) {
      return true;
    }
    if (context.options.isReadOnly || isWithin(this.#failedAtMs.get(name), context.now())) {
      return false;
    }
    try {
      await reindexReferrers(context, name);
    } catch (error) {
      // Where reading failed, the scan will fail as well and tell the client.
      this.#noteFailure(context, name, error);
      return false;
    }
    // Nothing there yet to mark: another registry on the same storage may write the first of it.
    return isMarked();
  }

  #noteFailure({ logger, now }: RegistryContext, name: RepositoryName, error: unknown): void {
    const nowMs = now();
    this.#failedAtMs.set(name, nowMs);
    if (!isWithin(this.#toldAtMs, nowMs)) {
      this.#toldAtMs = nowMs;
      logger.warn(
        'the index of referrers cannot be written: they are looked for among all manifests',
        { name, error },
      );
    }
  }
}

function isWithin(sinceMs: number | undefined, nowMs: number): boolean {
  return sinceMs !== undefined && nowMs - sinceMs < pauseMs;
}

/** The write that lists a manifest under its subject, if it has one. */
export function referrerStep(
  name: RepositoryName,
  manifest: ParsedManifest,
  descriptor: Descriptor,
): { step: WriteStep; digest: Digest } | undefined {
  const subject = subjectIn(manifest);
  const referrer = tryParseDigest(descriptor.digest);
  if (subject === undefined || referrer === undefined) {
    return undefined;
  }
  return {
    digest: subject,
    step: {
      kind: 'put',
      path: referrerPath(name, subject, referrer),
      content: JSON.stringify(descriptor),
    },
  };
}

/** Takes a deleted manifest out of its subject's list. */
export async function removeReferrer(
  context: RegistryContext,
  name: RepositoryName,
  manifest: StoredManifest,
  digests: readonly Digest[],
): Promise<void> {
  const subject = subjectIn(parseStoredManifest(manifest.bytes));
  if (subject !== undefined) {
    for (const digest of digests) {
      await removeLink(context.driver, referrerPath(name, subject, digest));
    }
  }
}

/** Names of what the index lists under a subject, as `referrerPath` makes them. */
export async function listIndexed(
  context: RegistryContext,
  name: RepositoryName,
  subject: Digest,
): Promise<readonly string[]> {
  const entries = (await context.driver.list(referrersOfPath(name, subject))) ?? [];
  return entries.filter((entry) => !entry.isDirectory).map((entry) => entry.name);
}

/** The descriptor of a manifest as the API lists it. */
export function describeReferrer(
  manifest: StoredManifest,
  parsed: ParsedManifest,
  digest: Digest,
): Descriptor {
  const artifactType = artifactTypeOf(parsed);
  return {
    mediaType: manifest.mediaType,
    digest,
    size: manifest.bytes.length,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(parsed.annotations === undefined ? {} : { annotations: parsed.annotations }),
  };
}

/**
 * Writes the index of a repository anew out of its manifests, drops entries of manifests that are gone, and marks it
 * complete.
 *
 * @returns how many referrers it holds
 */
export async function reindexReferrers(
  context: RegistryContext,
  name: RepositoryName,
): Promise<number> {
  const { referring, hasManifests } = await findReferring(context, name);
  let count = 0;
  await forEachLimited(referring, parallelReads, async ({ stored, digests }) => {
    const manifest = await loadStored(context, stored);
    const parsed = manifest === undefined ? undefined : parseStoredManifest(manifest.bytes);
    if (manifest === undefined || parsed === undefined) {
      return;
    }
    for (const digest of digests) {
      const listed = referrerStep(name, parsed, describeReferrer(manifest, parsed, digest));
      if (listed !== undefined) {
        await context.driver.apply([listed.step]);
        count += 1;
      }
    }
  });
  await dropGoneReferrers(context, name);
  if (hasManifests) {
    await context.driver.put(referrersCompletePath(name), '');
  }
  return count;
}

/** Another registry, or its garbage collection, removes manifests without knowing of the index. */
async function dropGoneReferrers(context: RegistryContext, name: RepositoryName): Promise<void> {
  for await (const subjects of digestPages(context.driver, referrersPath(name))) {
    for (const subject of subjects) {
      const entries = await listIndexed(context, name, subject);
      await forEachLimited(entries, parallelReads, async (entry) => {
        const referrer = tryParseDigest(entry.replace('-', ':'));
        if (referrer === undefined) {
          return;
        }
        // A torn link is no sign of that: verify mends it.
        const { state } = await inspectLink(context.driver, revisionLinkPath(name, referrer));
        if (state === 'absent') {
          await removeLink(context.driver, referrerPath(name, subject, referrer));
        }
      });
    }
  }
}
