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
  revisionsPath,
} from '../storage/layout.ts';
import { removeLink } from '../storage/link-store.ts';
import type { RegistryContext } from './context.ts';
import type { StoredManifest } from './manifest-cache.ts';
import { loadManifest, resolveRevision } from './manifest-store.ts';
import { forEachLimited } from './parallel.ts';
import { resolveTag } from './tags.ts';
import { digestPages } from './walk-storage.ts';

/** Files read at once. */
const parallelReads = 16;
/** Descriptors in one answer; the next page follows by Link. */
export const referrersPageEntries = 1000;

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
    fallbackDescriptors(context, name, subject),
  ]);
  const merged = new Map<string, Descriptor | undefined>();
  for (const entry of names) {
    merged.set(entry, undefined);
  }
  for (const descriptor of fallback) {
    const entry = descriptor.digest.replace(':', '-');
    if (!merged.has(entry)) {
      merged.set(entry, descriptor);
    }
  }
  const wanted = [...merged.keys()]
    .sort()
    .filter((entry) => page.after === undefined || entry > page.after);
  const descriptors: Descriptor[] = [];
  for (let start = 0; start < wanted.length; start += parallelReads) {
    const slice = wanted.slice(start, start + parallelReads);
    const read = await Promise.all(
      slice.map((entry) => merged.get(entry) ?? readDescriptor(context, name, subject, entry)),
    );
    for (const [index, descriptor] of read.entries()) {
      const matches =
        descriptor !== undefined &&
        (page.artifactType === undefined || descriptor.artifactType === page.artifactType);
      if (!matches) {
        continue;
      }
      descriptors.push(descriptor);
      const entry = slice[index];
      if (descriptors.length === limit && entry !== undefined && entry !== wanted.at(-1)) {
        return { descriptors, next: entry };
      }
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
    if (hasCode(error, DriverCode.notFound)) {
      return undefined;
    }
    if (error instanceof SyntaxError) {
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
  const manifest = stored === undefined ? undefined : await loadManifest(context, stored);
  if (manifest === undefined) {
    return undefined;
  }
  const parsed = parseStoredManifest(manifest.bytes);
  const artifactType = artifactTypeOf(parsed);
  return {
    mediaType: manifest.mediaType,
    digest,
    size: manifest.bytes.length,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(parsed.annotations === undefined ? {} : { annotations: parsed.annotations }),
  };
}

/** What clients without the API stored under the tag `<alg>-<hex>`. Only those that still exist count. */
async function fallbackDescriptors(
  context: RegistryContext,
  name: RepositoryName,
  subject: Digest,
): Promise<readonly Descriptor[]> {
  const tag = tryParseTag(`${algorithmOf(subject)}-${encodedOf(subject)}`.slice(0, 128));
  const digest = tag === undefined ? undefined : await resolveTag(context, name, tag);
  const stored = digest === undefined ? undefined : await resolveRevision(context, name, digest);
  const manifest = stored === undefined ? undefined : await loadManifest(context, stored);
  if (manifest === undefined) {
    return [];
  }
  const found: Descriptor[] = [];
  for (const child of parseStoredManifest(manifest.bytes).manifests) {
    const childDigest = tryParseDigest(child.digest);
    const exists =
      childDigest !== undefined &&
      (await resolveRevision(context, name, childDigest)) !== undefined;
    if (exists) {
      found.push(child);
    }
  }
  return found;
}

function ensureComplete(context: RegistryContext, name: RepositoryName): Promise<void> {
  const known = context.completeReferrers;
  let ready = known.get(name);
  if (ready === undefined) {
    ready = buildOnce(context, name).catch((error: unknown) => {
      known.delete(name);
      throw error;
    });
    known.set(name, ready);
  }
  return ready;
}

async function buildOnce(context: RegistryContext, name: RepositoryName): Promise<void> {
  if ((await context.driver.stat(referrersCompletePath(name))) === undefined) {
    await reindexReferrers(context, name);
  }
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
  const { driver } = context;
  let count = 0;
  let any = false;
  for (const algorithm of (await driver.list(revisionsPath(name))) ?? []) {
    const entries = (await driver.list(`${revisionsPath(name)}/${algorithm.name}`)) ?? [];
    any ||= entries.length > 0;
    await forEachLimited(entries, parallelReads, async (entry) => {
      const digest = tryParseDigest(`${algorithm.name}:${entry.name}`);
      const descriptor =
        digest === undefined ? undefined : await describeReferrer(context, name, digest);
      const stored =
        digest === undefined ? undefined : await resolveRevision(context, name, digest);
      const manifest = stored === undefined ? undefined : await loadManifest(context, stored);
      if (descriptor === undefined || manifest === undefined) {
        return;
      }
      const listed = referrerStep(name, parseStoredManifest(manifest.bytes), descriptor);
      if (listed !== undefined) {
        await driver.apply([listed.step]);
        count += 1;
      }
    });
  }
  await dropGoneReferrers(context, name);
  if (any) {
    await driver.put(referrersCompletePath(name), '');
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
        if (
          referrer !== undefined &&
          (await resolveRevision(context, name, referrer)) === undefined
        ) {
          await removeLink(context.driver, referrerPath(name, subject, referrer));
        }
      });
    }
  }
}
