/** Blobs of a repository: stat, open, delete, mount. A repository sees the blobs that its `_layers` links name. */

import type { ByteSource } from '../bytes.ts';
import { CodedError, hasCode } from '../errors.ts';
import { algorithmOf, canonicalAlgorithm, type Digest, digestBytes } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/reference.ts';
import { DriverCode, type RedirectRequest, type WriteStep } from '../storage/driver.ts';
import { blobDataPath, layerLinkPath } from '../storage/layout.ts';
import { readDigestLink, removeLink } from '../storage/link-store.ts';
import { maxCachedBlobBytes } from './blob-cache.ts';
import type { RegistryContext } from './context.ts';
import { type BlobFacts, noDescriptorCache } from './descriptor-cache.ts';

export function blobUnknown(digest: Digest): CodedError {
  return new CodedError('BLOB_UNKNOWN', 'blob unknown to registry', { detail: digest });
}

/** Facts of a blob that the repository sees, or `undefined`. */
export function statBlob(
  context: RegistryContext,
  name: RepositoryName,
  digest: Digest,
): Promise<BlobFacts | undefined> | BlobFacts | undefined {
  const cached = context.descriptors.get(name, digest);
  if (cached === undefined) {
    return readFacts(context, name, digest);
  }
  return cached instanceof Promise
    ? cached.then((facts) => facts ?? readFacts(context, name, digest))
    : cached;
}

/**
 * As `statBlob`, but never out of a cache: for decisions that write. What the cache says of a blob that is gone is
 * dropped, so that a client that was told it need not send it is told better the next time.
 */
export async function statStoredBlob(
  context: RegistryContext,
  name: RepositoryName,
  digest: Digest,
): Promise<BlobFacts | undefined> {
  const facts = await readFacts(context, name, digest);
  if (facts === undefined) {
    await context.descriptors.delete(name, digest);
  }
  return facts;
}

async function readFacts(
  context: RegistryContext,
  name: RepositoryName,
  digest: Digest,
): Promise<BlobFacts | undefined> {
  const { driver } = context;
  // A canonical link names itself. Where a call goes over a network both are asked side by side; a local disk is spared
  // the second one for the blobs that are not there, nearly all that a push asks for.
  const isAskedAhead =
    !driver.abilities.readsUncommitted && algorithmOf(digest) === canonicalAlgorithm;
  const [target, ahead] = await Promise.all([
    readLayerLink(context, name, digest),
    isAskedAhead ? driver.stat(blobDataPath(digest)) : undefined,
  ]);
  if (target === undefined) {
    return undefined;
  }
  const data = isAskedAhead ? ahead : await driver.stat(blobDataPath(target));
  if (data === undefined || data.isDirectory) {
    return undefined;
  }
  const facts = { digest: target, sizeBytes: data.sizeBytes };
  context.descriptors.set(name, digest, facts);
  context.locations.saw(name, digest);
  return facts;
}

async function readLayerLink(
  { driver, ownLinks }: RegistryContext,
  name: RepositoryName,
  digest: Digest,
): Promise<Digest | undefined> {
  const path = layerLinkPath(name, digest);
  return (await ownLinks.isUnchanged(driver, path, digest))
    ? digest
    : readDigestLink(driver, path, digest);
}

/**
 * Bytes `offset` to `endOffset` (exclusive) of a blob that was just statted under `digest`.
 *
 * @throws `BLOB_UNKNOWN` the data is gone although a cache or link named it
 */
export async function openBlob(
  context: RegistryContext,
  name: RepositoryName,
  digest: Digest,
  facts: BlobFacts,
  range: { offset: number; endOffset: number },
  signal: AbortSignal,
): Promise<ByteSource> {
  try {
    return await context.driver.open(blobDataPath(facts.digest), { ...range, signal });
  } catch (error) {
    return dataGone(context, name, digest, error);
  }
}

/**
 * All of a small blob that was just statted, out of memory or storage; `undefined` for one that is to be streamed.
 *
 * @throws `BLOB_UNKNOWN` as `openBlob`
 */
export async function loadSmallBlob(
  context: RegistryContext,
  name: RepositoryName,
  digest: Digest,
  facts: BlobFacts,
): Promise<Buffer | undefined> {
  if (facts.sizeBytes > maxCachedBlobBytes) {
    return undefined;
  }
  const path = blobDataPath(facts.digest);
  const cached = context.blobs.get(facts.digest);
  // With a descriptor cache the stat may have asked nobody: bytes in memory must not hide that the data is gone.
  const isThere =
    context.descriptors === noDescriptorCache || (await context.driver.stat(path)) !== undefined;
  if (cached !== undefined && isThere) {
    return cached;
  }
  const bytes = await context.driver
    .get(path)
    .catch((error: unknown) => dataGone(context, name, digest, error));
  // What does not match (a failing disk) goes out as it lies there, for the client to refuse, and is not kept.
  if (digestBytes(bytes, algorithmOf(facts.digest)) === facts.digest) {
    context.blobs.set(facts.digest, bytes);
  }
  return bytes.length === facts.sizeBytes ? bytes : undefined;
}

/** A cache or link named data that is not there: the cache is told, so that the next push is not skipped. */
async function dataGone(
  context: RegistryContext,
  name: RepositoryName,
  digest: Digest,
  error: unknown,
): Promise<never> {
  if (!hasCode(error, DriverCode.notFound)) {
    throw error;
  }
  await context.descriptors.delete(name, digest);
  throw blobUnknown(digest);
}

export function blobRedirectUrl(
  context: RegistryContext,
  facts: BlobFacts,
  request: RedirectRequest,
): Promise<string | undefined> {
  return context.driver.redirectUrl(blobDataPath(facts.digest), request);
}

/** Removes the repository's link; the data stays for garbage collection. @throws `BLOB_UNKNOWN` */
export async function deleteBlob(
  context: RegistryContext,
  name: RepositoryName,
  digest: Digest,
): Promise<void> {
  const wasThere = await removeLink(context.driver, layerLinkPath(name, digest));
  await context.descriptors.delete(name, digest);
  if (!wasThere) {
    throw blobUnknown(digest);
  }
}

/** Steps that let `name` see a stored blob: the canonical link and, if another algorithm was asked for, its alias. */
export function linkSteps(name: RepositoryName, stored: Digest, asked: Digest): WriteStep[] {
  const steps: WriteStep[] = [{ kind: 'put', path: layerLinkPath(name, stored), content: stored }];
  if (asked !== stored) {
    steps.push({ kind: 'put', path: layerLinkPath(name, asked), content: stored });
  }
  return steps;
}

/** Notes that `name` was just let see a blob. */
export async function noteStored(
  context: RegistryContext,
  name: RepositoryName,
  digest: Digest,
  facts: BlobFacts,
): Promise<void> {
  context.descriptors.set(name, digest, facts);
  context.locations.saw(name, digest);
  await context.ownLinks.note(context.driver, name, facts.digest);
}

/**
 * Lets `name` see a blob of `from`.
 *
 * @returns the blob's facts, or `undefined` when `from` has no such blob: the client then uploads it
 */
export async function mountBlob(
  context: RegistryContext,
  name: RepositoryName,
  from: RepositoryName,
  digest: Digest,
): Promise<BlobFacts | undefined> {
  const facts = await statStoredBlob(context, from, digest);
  if (facts === undefined) {
    return undefined;
  }
  await context.driver.apply(linkSteps(name, facts.digest, digest));
  await noteStored(context, name, digest, facts);
  return facts;
}
