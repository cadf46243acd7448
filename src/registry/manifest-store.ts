/**
 * Stored manifests: find one that a repository sees, load its bytes through the cache. Beneath manifests.ts and
 * referrers.ts, which change them.
 */

import { CodedError, hasCode } from '../errors.ts';
import { algorithmOf, type Digest, digestBytes } from '../oci/digest.ts';
import { type ParsedManifest, parseStoredManifest, referencesOf } from '../oci/manifest.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import { DriverCode } from '../storage/driver.ts';
import { blobDataPath, revisionLinkPath } from '../storage/layout.ts';
import { readDigestLink } from '../storage/link-store.ts';
import type { RegistryContext } from './context.ts';
import type { StoredManifest } from './manifest-cache.ts';
import { resolveTag } from './tags.ts';

/** Largest manifest taken or given out: 4 MiB, as Distribution. */
export const maxManifestBytes: number = 4 * 1024 * 1024;

export function manifestUnknown(detail: string): CodedError {
  return new CodedError('MANIFEST_UNKNOWN', 'manifest unknown', { detail });
}

function revisionUnknown(name: RepositoryName, digest: Digest): CodedError {
  return manifestUnknown(`unknown manifest name=${name} revision=${digest}`);
}

/** Digest under which a manifest's bytes are stored, if the repository sees it. */
export function resolveRevision(
  context: RegistryContext,
  name: RepositoryName,
  digest: Digest,
): Promise<Digest | undefined> {
  return readDigestLink(context.driver, revisionLinkPath(name, digest), digest);
}

/** @throws `MANIFEST_UNKNOWN` the repository does not see it, or its bytes are gone or no manifest */
export async function getManifest(
  context: RegistryContext,
  name: RepositoryName,
  digest: Digest,
): Promise<StoredManifest> {
  const stored = await resolveRevision(context, name, digest);
  const manifest = stored === undefined ? undefined : await loadStored(context, stored);
  if (manifest === undefined) {
    throw revisionUnknown(name, digest);
  }
  return manifest;
}

/**
 * The manifest a tag points at, and the digest by which it does.
 *
 * The tag's link and that of the digest it had last time are read side by side; mostly that is all there is to read.
 *
 * @throws `MANIFEST_UNKNOWN`
 */
export async function getTagged(
  context: RegistryContext,
  name: RepositoryName,
  tag: Tag,
): Promise<{ digest: Digest; manifest: StoredManifest }> {
  const key = `${name}:${tag}`;
  const guess = context.lastDigests.get(key);
  const [digest, guessed] = await Promise.all([
    resolveTag(context, name, tag),
    guess === undefined ? undefined : resolveRevision(context, name, guess),
  ]);
  if (digest === undefined) {
    throw manifestUnknown(`unknown tag=${tag}`);
  }
  if (digest !== guess) {
    context.lastDigests.set(key, digest);
    return { digest, manifest: await getManifest(context, name, digest) };
  }
  const manifest = guessed === undefined ? undefined : await loadStored(context, guessed);
  if (manifest === undefined) {
    throw revisionUnknown(name, digest);
  }
  return { digest, manifest };
}

/**
 * A stored manifest, when all that it points to can be told: for whoever goes by its references, to remove what none
 * names or to tell what is missing. `undefined` also when the bytes are gone or no manifest.
 */
export async function loadManifest(
  context: RegistryContext,
  stored: Digest,
): Promise<StoredManifest | undefined> {
  const manifest = await loadStored(context, stored);
  return manifest?.isWhole === true ? manifest : undefined;
}

/**
 * A stored manifest, out of the cache or storage, as clients get it, even if members of it cannot be read; `undefined`
 * when the bytes are gone or no manifest.
 */
export async function loadStored(
  context: RegistryContext,
  stored: Digest,
): Promise<StoredManifest | undefined> {
  const cached = context.manifests.get(stored);
  if (cached !== undefined) {
    return cached;
  }
  const path = blobDataPath(stored);
  try {
    const facts = await context.driver.stat(path);
    if (facts === undefined || facts.isDirectory || facts.sizeBytes > maxManifestBytes) {
      return undefined;
    }
    const bytes = await context.driver.get(path);
    // A torn file (power cut) must not be served, or cached, as the manifest it once was.
    if (digestBytes(bytes, algorithmOf(stored)) !== stored) {
      context.logger.warn('stored manifest does not match its digest', { digest: stored });
      return undefined;
    }
    const manifest = describeManifest(stored, bytes, parseStoredManifest(bytes));
    context.manifests.set(manifest);
    return manifest;
  } catch (error) {
    if (hasCode(error, DriverCode.notFound) || hasCode(error, 'MANIFEST_INVALID')) {
      return undefined;
    }
    throw error;
  }
}

/** A parsed manifest as the cache keeps it. */
export function describeManifest(
  digest: Digest,
  bytes: Buffer,
  parsed: ParsedManifest,
): StoredManifest {
  const { mediaType, isWhole } = parsed;
  return { digest, bytes, mediaType, references: referencesOf(parsed), isWhole };
}
