/**
 * Referrers: manifests whose `subject` is a given digest. distribution-spec "Listing Referrers".
 *
 * The index is one small file per referrer, holding its descriptor, kept at push and at delete. It can be rebuilt from
 * the manifests: a repository without the mark of a complete index (Distribution wrote it, or we have not been asked
 * yet) is looked through once, at the first question. Index manifests under the fallback tag are merged in.
 */

import { hasCode } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, type Digest, encodedOf, tryParseDigest } from '../oci/digest.ts';
import { artifactTypeOf, type ParsedManifest, parseStoredManifest } from '../oci/manifest.ts';
import { type RepositoryName, tryParseTag } from '../oci/reference.ts';
import { DriverCode, type WriteStep } from '../storage/driver.ts';
import {
  referrerPath,
  referrersCompletePath,
  referrersOfPath,
  referrersPath,
  revisionLinkPath,
  revisionsPath,
} from '../storage/layout.ts';
import { inspectLink, removeLink } from '../storage/link-store.ts';
import type { RegistryContext } from './context.ts';
import type { StoredManifest } from './manifest-cache.ts';
import { loadStored, resolveRevision } from './manifest-store.ts';
import { forEachLimited } from './parallel.ts';
import { resolveTag } from './tags.ts';
import { digestPages } from './walk-storage.ts';

/** Files read at once. */
const parallelReads = 16;
/** Descriptors in one answer; the next page follows by Link. */
export const referrersPageEntries = 1000;
/** A client may take no larger index than a registry must take (4 MB), so a page ends before; one entry always fits. */
const pageBytes = 4_000_000;

export interface ReferrersPage {
  readonly descriptors: readonly Descriptor[];
  /** Where the next page begins, if there is one. */
  readonly next?: string;
}

/** The write that lists a manifest under its subject, if it has one. */
export function referrerStep(
  name: RepositoryName,
  manifest: ParsedManifest,
  descriptor: Descriptor,
): { step: WriteStep; digest: Digest } | undefined {
  const subject =
    manifest.subject === undefined ? undefined : tryParseDigest(manifest.subject.digest);
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
  const named = parseStoredManifest(manifest.bytes).subject?.digest;
  const subject = named === undefined ? undefined : tryParseDigest(named);
  if (subject !== undefined) {
    for (const digest of digests) {
      await removeLink(context.driver, referrerPath(name, subject, digest));
    }
  }
}

/**
 * Descriptors of the manifests that refer to `subject`, in the order of their digests, those after `after`.
 * An unknown subject or repository has none; that is no error.
 */
export async function listReferrers(
  context: RegistryContext,
  name: RepositoryName,
  subject: Digest,
  page: { after?: string; artifactType?: string; limit?: number },
): Promise<ReferrersPage> {
  await ensureComplete(context, name);
  const limit = page.limit ?? referrersPageEntries;
  const [names, fallback] = await Promise.all([
    listNames(context, referrersOfPath(name, subject)),
    fallbackDigests(context, name, subject),
  ]);
  const wanted = [...new Set([...names, ...fallback.map((digest) => digest.replace(':', '-'))])]
    .filter((entry) => page.after === undefined || entry > page.after)
    .sort();
  const descriptors: Descriptor[] = [];
  let sizeBytes = 0;
  let final = '';
  for (let start = 0; start < wanted.length; start += parallelReads) {
    const slice = wanted.slice(start, start + parallelReads);
    const read = await Promise.all(
      slice.map((entry) => readDescriptor(context, name, subject, entry)),
    );
    for (const [index, descriptor] of read.entries()) {
      const matches =
        descriptor !== undefined &&
        (page.artifactType === undefined || descriptor.artifactType === page.artifactType);
      if (!matches) {
        continue;
      }
      sizeBytes += Buffer.byteLength(JSON.stringify(descriptor)) + 1;
      if (descriptors.length === limit || (descriptors.length > 0 && sizeBytes > pageBytes)) {
        return { descriptors, next: final };
      }
      descriptors.push(descriptor);
      final = slice[index] ?? final;
    }
  }
  return { descriptors };
}

async function listNames(context: RegistryContext, path: string): Promise<readonly string[]> {
  const entries = (await context.driver.list(path)) ?? [];
  return entries.filter((entry) => !entry.isDirectory).map((entry) => entry.name);
}

async function readDescriptor(
  context: RegistryContext,
  name: RepositoryName,
  subject: Digest,
  entry: string,
): Promise<Descriptor | undefined> {
  const referrer = tryParseDigest(entry.replace('-', ':'));
  if (referrer === undefined) {
    return undefined;
  }
  try {
    const text = (await context.driver.get(referrerPath(name, subject, referrer))).toString('utf8');
    return JSON.parse(text) as Descriptor;
  } catch (error) {
    // Known from a fallback tag alone, or torn by a crash.
    if (hasCode(error, DriverCode.notFound) || error instanceof SyntaxError) {
      return describeReferrer(context, name, referrer);
    }
    throw error;
  }
}

/** The descriptor of a stored manifest as the API lists it. */
async function describeReferrer(
  context: RegistryContext,
  name: RepositoryName,
  digest: Digest,
): Promise<Descriptor | undefined> {
  const stored = await resolveRevision(context, name, digest);
  const manifest = stored === undefined ? undefined : await loadStored(context, stored);
  return manifest === undefined
    ? undefined
    : describe(manifest, parseStoredManifest(manifest.bytes), digest);
}

function describe(manifest: StoredManifest, parsed: ParsedManifest, digest: Digest): Descriptor {
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
 * What clients without the API listed under the fallback tag: the algorithm cut to 32 characters, `-`, the encoded part
 * cut to 64. distribution-spec "Referrers Tag Schema"
 */
async function fallbackDigests(
  context: RegistryContext,
  name: RepositoryName,
  subject: Digest,
): Promise<readonly Digest[]> {
  const tag = tryParseTag(
    `${algorithmOf(subject).slice(0, 32)}-${encodedOf(subject).slice(0, 64)}`,
  );
  const digest = tag === undefined ? undefined : await resolveTag(context, name, tag);
  const stored = digest === undefined ? undefined : await resolveRevision(context, name, digest);
  const manifest = stored === undefined ? undefined : await loadStored(context, stored);
  return manifest === undefined
    ? []
    : parseStoredManifest(manifest.bytes)
        .manifests.map((child) => tryParseDigest(child.digest))
        .filter((child) => child !== undefined);
}

function ensureComplete(context: RegistryContext, name: RepositoryName): Promise<void> {
  const known = context.completeReferrers;
  let ready = known.get(name);
  if (ready === undefined) {
    ready = buildOnce(context, name).then(
      (isMarked) => {
        // Nothing there yet to mark: another registry on the same storage may write the first of it.
        if (!isMarked) {
          known.delete(name);
        }
      },
      (error: unknown) => {
        known.delete(name);
        throw error;
      },
    );
    known.set(name, ready);
  }
  return ready;
}

/** Whether the index is marked complete afterwards. */
async function buildOnce(context: RegistryContext, name: RepositoryName): Promise<boolean> {
  const isMarked = async (): Promise<boolean> =>
    (await context.driver.stat(referrersCompletePath(name))) !== undefined;
  if (await isMarked()) {
    return true;
  }
  await reindexReferrers(context, name);
  return isMarked();
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
  const revisions = await listRevisions(context, name);
  let count = 0;
  await forEachLimited([...revisions], parallelReads, async ([stored, digests]) => {
    const manifest = await loadStored(context, stored);
    const parsed = manifest === undefined ? undefined : parseStoredManifest(manifest.bytes);
    if (manifest === undefined || parsed?.subject === undefined) {
      return;
    }
    for (const digest of digests) {
      const listed = referrerStep(name, parsed, describe(manifest, parsed, digest));
      if (listed !== undefined) {
        await context.driver.apply([listed.step]);
        count += 1;
      }
    }
  });
  await dropGoneReferrers(context, name);
  if (revisions.size > 0) {
    await context.driver.put(referrersCompletePath(name), '');
  }
  return count;
}

/** Another registry, or its garbage collection, removes manifests without knowing of the index. */
async function dropGoneReferrers(context: RegistryContext, name: RepositoryName): Promise<void> {
  for await (const subjects of digestPages(context.driver, referrersPath(name))) {
    for (const subject of subjects) {
      const entries = await listNames(context, referrersOfPath(name, subject));
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

/**
 * Digests by which each stored manifest was pushed. One pushed by another algorithm has a SHA-256 link as well, which
 * would list it twice.
 */
async function listRevisions(
  context: RegistryContext,
  name: RepositoryName,
): Promise<ReadonlyMap<Digest, readonly Digest[]>> {
  const { driver } = context;
  const aliases = new Map<Digest, Digest[]>();
  for (const algorithm of (await driver.list(revisionsPath(name))) ?? []) {
    const entries = (await driver.list(`${revisionsPath(name)}/${algorithm.name}`)) ?? [];
    await forEachLimited(entries, parallelReads, async (entry) => {
      const digest = tryParseDigest(`${algorithm.name}:${entry.name}`);
      const stored =
        digest === undefined ? undefined : await resolveRevision(context, name, digest);
      if (digest === undefined || stored === undefined) {
        return;
      }
      const known = aliases.get(stored) ?? [];
      aliases.set(stored, digest === stored ? known : [...known, digest]);
    });
  }
  return new Map([...aliases].map(([stored, all]) => [stored, all.length === 0 ? [stored] : all]));
}
