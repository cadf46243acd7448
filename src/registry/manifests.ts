/**
 * Manifests of a repository: put and delete. A repository sees the manifests that its `revisions` links name; what a
 * manifest may point to is checked by manifest-checks.ts.
 */

import { CodedError } from '../errors.ts';
import {
  algorithmOf,
  type Digest,
  type DigestAlgorithm,
  digestAlgorithms,
  digestBytes,
} from '../oci/digest.ts';
import { artifactTypeOf, type ParsedManifest, parseManifest } from '../oci/manifest.ts';
import type { Reference, RepositoryName, Tag } from '../oci/reference.ts';
import type { WriteStep } from '../storage/driver.ts';
import {
  blobDataPath,
  revisionLinkPath,
  tagIndexLinkPath,
  tagLinkPath,
} from '../storage/layout.ts';
import { removeLink } from '../storage/link-store.ts';
import type { RegistryContext } from './context.ts';
import type { StoredManifest } from './manifest-cache.ts';
import { checkClass, checkReferences } from './manifest-checks.ts';
import { describeManifest, loadStored, resolveRevision } from './manifest-store.ts';
import { referrerStep, removeReferrer } from './referrers-index.ts';
import { untagDigest } from './tags.ts';

export interface ManifestPut {
  readonly reference: Reference;
  readonly bytes: Buffer;
  readonly contentType: string;
  /** From `?tag=` on a push by digest. */
  readonly tags: readonly Tag[];
  /** Class that the caller's token carries for the repository; `undefined` when tokens are not used. */
  readonly grantedClass?: string;
}

export interface ManifestPutResult {
  /** As the client knows it: its own digest when pushed by one, else SHA-256. */
  readonly digest: Digest;
  readonly manifest: StoredManifest;
  readonly subject?: Digest;
}

/**
 * Stores a manifest and tags it. All of it is durable on return; readers never see a tag before its manifest.
 *
 * @throws `MANIFEST_INVALID`, `DIGEST_INVALID`, `DENIED`; ManifestReferencesError for what it points to
 * @see distribution-spec "Pushing Manifests"
 */
export async function putManifest(
  context: RegistryContext,
  name: RepositoryName,
  put: ManifestPut,
): Promise<ManifestPutResult> {
  const parsed = parseManifest(put.bytes, put.contentType);
  const stored = digestBytes(put.bytes);
  const digest = put.reference.kind === 'digest' ? put.reference.digest : stored;
  if (digest !== stored && digestBytes(put.bytes, algorithmOf(digest)) !== digest) {
    throw new CodedError('DIGEST_INVALID', 'provided digest did not match uploaded content');
  }
  checkClass(context.options.classes, parsed, put.grantedClass);
  await checkReferences(context, name, parsed);
  const tags = put.reference.kind === 'tag' ? [put.reference.tag] : put.tags;
  const manifest = describeManifest(stored, put.bytes, parsed);
  const subject = referrerStep(name, parsed, {
    mediaType: parsed.mediaType,
    digest,
    size: put.bytes.length,
    ...artifactFields(parsed),
  });
  await context.driver.apply([
    { kind: 'put', path: blobDataPath(stored), content: put.bytes },
    ...revisionSteps(name, stored, digest),
    ...(subject === undefined ? [] : [subject.step]),
    ...tags.flatMap((tag): WriteStep[] => tagSteps(name, tag, digest)),
  ]);
  context.manifests.set(manifest);
  return { digest, manifest, ...(subject === undefined ? {} : { subject: subject.digest }) };
}

function artifactFields(parsed: ParsedManifest): {
  artifactType?: string;
  annotations?: Readonly<Record<string, string>>;
} {
  const artifactType = artifactTypeOf(parsed);
  return {
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(parsed.annotations === undefined ? {} : { annotations: parsed.annotations }),
  };
}

/** As for blobs, a digest of another algorithm is an alias whose link holds the SHA-256 one. */
function revisionSteps(name: RepositoryName, stored: Digest, asked: Digest): WriteStep[] {
  const steps: WriteStep[] = [
    { kind: 'put', path: revisionLinkPath(name, stored), content: stored },
  ];
  if (asked !== stored) {
    steps.push({ kind: 'put', path: revisionLinkPath(name, asked), content: stored });
  }
  return steps;
}

function tagSteps(name: RepositoryName, tag: Tag, digest: Digest): WriteStep[] {
  const link = { kind: 'put', content: digest, showsFolder: true } as const;
  return [
    // History that only garbage collection reads: not worth four of the eleven syncs that a tag takes.
    { ...link, path: tagIndexLinkPath(name, tag, digest), durable: false },
    { ...link, path: tagLinkPath(name, tag) },
  ];
}

/**
 * Removes a manifest from the repository under every digest it was pushed by, and every tag that points at it. Tags go
 * first: a crash in between leaves a manifest without tags, which can be deleted again, rather than tags that point
 * nowhere.
 *
 * @returns the tags that went
 * @throws `MANIFEST_UNKNOWN`
 */
export async function deleteManifest(
  context: RegistryContext,
  name: RepositoryName,
  digest: Digest,
): Promise<readonly Tag[]> {
  const { driver } = context;
  const link = revisionLinkPath(name, digest);
  const stored = await resolveRevision(context, name, digest);
  // A link that cannot be read names nothing, but is there to be removed.
  if (stored === undefined && (await driver.stat(link)) === undefined) {
    throw new CodedError('MANIFEST_UNKNOWN', 'manifest unknown');
  }
  const manifest = stored === undefined ? undefined : await loadStored(context, stored);
  const aliases =
    manifest === undefined ? [] : allDigests(manifest.bytes).filter((alias) => alias !== digest);
  const gone = [digest, ...aliases];
  const tags = await untagDigest(context, name, gone);
  if (manifest !== undefined) {
    await removeReferrer(context, name, manifest, gone);
  }
  for (const alias of aliases) {
    await removeLink(driver, revisionLinkPath(name, alias));
  }
  if (!(await removeLink(driver, link))) {
    // Another request was quicker.
    throw new CodedError('MANIFEST_UNKNOWN', 'manifest unknown');
  }
  return tags;
}

function allDigests(bytes: Uint8Array): readonly Digest[] {
  return Object.keys(digestAlgorithms).map((name) => digestBytes(bytes, name as DigestAlgorithm));
}
