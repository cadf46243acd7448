/** Writes blobs, manifests and tags into storage through the registry's own use cases, without a server. */

import { type Digest, parseDigest } from '../../src/oci/digest.ts';
import { type RepositoryName, type Tag, tryParseRepositoryName } from '../../src/oci/reference.ts';
import type { RegistryContext } from '../../src/registry/context.ts';
import { putManifest } from '../../src/registry/manifests.ts';
import { UploadSessions } from '../../src/registry/upload-session.ts';
import { aDescriptor, anImage, anIndex, digestOf, ociConfig, ociLayer } from './api-client.ts';

export function repository(name: string): RepositoryName {
  const parsed = tryParseRepositoryName(name);
  if (parsed === undefined) {
    throw new Error(`no repository name: ${name}`);
  }
  return parsed;
}

export async function storeBlob(
  context: RegistryContext,
  name: string,
  content: string,
  algorithm = 'sha256',
): Promise<Digest> {
  const bytes = Buffer.from(content);
  let left: Uint8Array | undefined = bytes;
  const body = {
    sizeBytes: bytes.length,
    pool: { give: () => {} },
    read: () => {
      const piece = left;
      left = undefined;
      return Promise.resolve(piece);
    },
    cancel: () => {},
  };
  const digest = parseDigest(digestOf(bytes, algorithm));
  await new UploadSessions(context).put(repository(name), body, digest);
  return digest;
}

export interface StoredImage {
  readonly digest: Digest;
  readonly blobs: readonly Digest[];
  readonly descriptor: object;
}

/** An image of one config and one layer whose contents are named after `label`. */
export async function storeImage(
  context: RegistryContext,
  name: string,
  reference: string | undefined,
  label: string,
  extra: object = {},
): Promise<StoredImage> {
  const config = `{"config":"${label}"}`;
  const layer = `layer ${label}`;
  const blobs = [await storeBlob(context, name, config), await storeBlob(context, name, layer)];
  const manifest = anImage({
    config: aDescriptor(config, ociConfig),
    layers: [aDescriptor(layer, ociLayer)],
    ...extra,
  });
  return { ...(await storeManifest(context, name, reference, manifest)), blobs };
}

/** @param reference  A tag; `undefined`: pushed by its digest */
export async function storeManifest(
  context: RegistryContext,
  name: string,
  reference: string | undefined,
  manifest: object,
): Promise<{ digest: Digest; descriptor: object }> {
  const text = JSON.stringify(manifest);
  const digest = parseDigest(digestOf(text));
  const { mediaType } = manifest as { mediaType: string };
  await putManifest(context, repository(name), {
    reference:
      reference === undefined ? { kind: 'digest', digest } : { kind: 'tag', tag: reference as Tag },
    bytes: Buffer.from(text),
    contentType: mediaType,
    tags: [],
  });
  return { digest, descriptor: aDescriptor(text, mediaType) };
}

export function storeIndex(
  context: RegistryContext,
  name: string,
  reference: string | undefined,
  children: readonly { readonly descriptor: object }[],
): Promise<{ digest: Digest; descriptor: object }> {
  const manifest = anIndex(children.map(({ descriptor }) => descriptor));
  return storeManifest(context, name, reference, manifest);
}
