/**
 * Referrers: manifests whose `subject` is a given digest. distribution-spec "Listing Referrers".
 *
 * They come out of the index (referrers-index.ts), or out of a scan where there is none (referrers-scan.ts). Index
 * manifests under the fallback tag are merged in.
 */

import { hasCode } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, type Digest, encodedOf, tryParseDigest } from '../oci/digest.ts';
import { parseStoredManifest } from '../oci/manifest.ts';
import { type RepositoryName, tryParseTag } from '../oci/reference.ts';
import { DriverCode } from '../storage/driver.ts';
import { referrerPath } from '../storage/layout.ts';
import type { RegistryContext } from './context.ts';
import { loadStored, resolveRevision } from './manifest-store.ts';
import { describeReferrer, listIndexed } from './referrers-index.ts';
import { resolveTag } from './tags.ts';

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
  const limit = page.limit ?? referrersPageEntries;
  const [names, fallback] = await Promise.all([
    listNames(context, name, subject),
    fallbackDigests(context, name, subject),
  ]);
  const wanted = [...new Set([...names, ...fallback.map(entryName)])]
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

/** Names of entries as the index has them. */
async function listNames(
  context: RegistryContext,
  name: RepositoryName,
  subject: Digest,
): Promise<readonly string[]> {
  if (await context.referrerIndexes.isComplete(context, name)) {
    return listIndexed(context, name, subject);
  }
  const referrers = await context.referrerScans.scan(context, name);
  return (referrers.get(subject) ?? []).map(entryName);
}

function entryName(digest: Digest): string {
  return digest.replace(':', '-');
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
    // Known from a fallback tag or a scan alone, or torn by a crash.
    if (hasCode(error, DriverCode.notFound) || error instanceof SyntaxError) {
      return describeStored(context, name, referrer);
    }
    throw error;
  }
}

/** The descriptor of a stored manifest as the API lists it. */
async function describeStored(
  context: RegistryContext,
  name: RepositoryName,
  digest: Digest,
): Promise<Descriptor | undefined> {
  const stored = await resolveRevision(context, name, digest);
  const manifest = stored === undefined ? undefined : await loadStored(context, stored);
  return manifest === undefined
    ? undefined
    : describeReferrer(manifest, parseStoredManifest(manifest.bytes), digest);
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
