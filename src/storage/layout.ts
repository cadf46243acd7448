/**
 * The only file that builds a storage path. The tree is Distribution's, byte for byte (reference 6.1):
 *
 *   /docker/registry/v2/
 *     blobs/<alg>/<xx>/<hex>/data                       bytes of blobs and manifests
 *     repositories/<name>/
 *       _layers/<alg>/<hex>/link                        the repository may see that blob
 *       _manifests/revisions/<alg>/<hex>/link           … that manifest
 *       _manifests/tags/<tag>/current/link              digest the tag points at
 *       _manifests/tags/<tag>/index/<alg>/<hex>/link    digests it ever pointed at
 *       _uploads/<id>/startedat, data, hashstates/<alg>/<offset>
 *
 * Ours, ignored by Distribution and rebuilt from the rest:
 *       _manifests/referrers/<alg>/<subject hex>/<alg>-<hex>   descriptor of a referrer, as it is listed
 *       _manifests/referrers/complete                   every revision of the repository was looked at
 *       _manifests/longshore-removed-<id>               a tag's folder on its way out
 *       _uploads/<id>/link                              the layer link that its end will need
 *       _uploads/<id>/longshore                         digest so far of a streamed upload (upload-store.ts)
 *     longshore-quarantine/<alg>-<hex>                  corrupt blobs that `verify --repair` took out of the way
 */

import { algorithmOf, type Digest, type DigestAlgorithm, encodedOf } from '../oci/digest.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';

export const rootPath = '/docker/registry/v2';
export const repositoriesPath: string = `${rootPath}/repositories`;
export const blobsPath: string = `${rootPath}/blobs`;

/** Below the root and beside `blobs`, where neither Distribution's garbage collection nor a reader looks. */
export const quarantinePath: string = `${rootPath}/longshore-quarantine`;

export function quarantinedBlobPath(digest: Digest): string {
  return `${quarantinePath}/${algorithmOf(digest)}-${encodedOf(digest)}`;
}

function byDigest(digest: Digest): string {
  return `${algorithmOf(digest)}/${encodedOf(digest)}`;
}

export function blobDirectory(digest: Digest): string {
  const encoded = encodedOf(digest);
  return `${blobsPath}/${algorithmOf(digest)}/${encoded.slice(0, 2)}/${encoded}`;
}

export function blobDataPath(digest: Digest): string {
  return `${blobDirectory(digest)}/data`;
}

export function repositoryPath(name: RepositoryName): string {
  return `${repositoriesPath}/${name}`;
}

export function layersPath(name: RepositoryName): string {
  return `${repositoriesPath}/${name}/_layers`;
}

export function layerLinkPath(name: RepositoryName, digest: Digest): string {
  return `${layersPath(name)}/${byDigest(digest)}/link`;
}

export function manifestsPath(name: RepositoryName): string {
  return `${repositoriesPath}/${name}/_manifests`;
}

export function revisionsPath(name: RepositoryName): string {
  return `${manifestsPath(name)}/revisions`;
}

export function revisionPath(name: RepositoryName, digest: Digest): string {
  return `${revisionsPath(name)}/${byDigest(digest)}`;
}

export function revisionLinkPath(name: RepositoryName, digest: Digest): string {
  return `${revisionPath(name, digest)}/link`;
}

export function tagsPath(name: RepositoryName): string {
  return `${manifestsPath(name)}/tags`;
}

export function tagPath(name: RepositoryName, tag: Tag): string {
  return `${tagsPath(name)}/${tag}`;
}

export function tagLinkPath(name: RepositoryName, tag: Tag): string {
  return `${tagPath(name, tag)}/current/link`;
}

/** Where a tag's folder is put before it is removed: where no listing of tags shows it. */
export function removedTagPath(name: RepositoryName, id: string): string {
  return `${manifestsPath(name)}/longshore-removed-${id}`;
}

/** The folder that remembers one digest the tag pointed at. */
export function tagIndexPath(name: RepositoryName, tag: Tag, digest: Digest): string {
  return `${tagPath(name, tag)}/index/${byDigest(digest)}`;
}

export function tagIndexLinkPath(name: RepositoryName, tag: Tag, digest: Digest): string {
  return `${tagIndexPath(name, tag, digest)}/link`;
}

export function uploadsPath(name: RepositoryName): string {
  return `${repositoriesPath}/${name}/_uploads`;
}

export function uploadPath(name: RepositoryName, id: string): string {
  return `${uploadsPath(name)}/${id}`;
}

export function uploadDataPath(name: RepositoryName, id: string): string {
  return `${uploadPath(name, id)}/data`;
}

export function uploadStartedAtPath(name: RepositoryName, id: string): string {
  return `${uploadPath(name, id)}/startedat`;
}

/** Name of the link, beside an upload's data, that becomes the blob's layer link. */
export const uploadLinkName = 'link';

export function uploadLinkPath(name: RepositoryName, id: string): string {
  return `${uploadPath(name, id)}/${uploadLinkName}`;
}

export function uploadHashStatePath(
  name: RepositoryName,
  id: string,
  algorithm: DigestAlgorithm,
  offset: number,
): string {
  return `${uploadPath(name, id)}/hashstates/${algorithm}/${offset}`;
}

export function uploadNotePath(name: RepositoryName, id: string): string {
  return `${uploadPath(name, id)}/longshore`;
}

export function referrersPath(name: RepositoryName): string {
  return `${manifestsPath(name)}/referrers`;
}

export function referrersOfPath(name: RepositoryName, subject: Digest): string {
  return `${referrersPath(name)}/${byDigest(subject)}`;
}

export function referrerPath(name: RepositoryName, subject: Digest, referrer: Digest): string {
  return `${referrersOfPath(name, subject)}/${algorithmOf(referrer)}-${encodedOf(referrer)}`;
}

export function referrersCompletePath(name: RepositoryName): string {
  return `${referrersPath(name)}/complete`;
}
