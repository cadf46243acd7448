/**
 * What clients do, request by request: a layer as docker pushes it (HEAD, POST, PATCH, PUT), in chunks, by mount; an
 * image of such layers; an image pulled. Any reply but the expected one is an error: a bench must not count failures.
 */

import { type Connection, headerOf, type Request, type Response } from './connection.ts';
import { type Content, textBlob } from './content.ts';

const layerType = 'application/vnd.oci.image.layer.v1.tar+gzip';
const configType = 'application/vnd.oci.image.config.v1+json';
/** Media type of the manifests pushed here, also what a pull accepts. */
export const manifestType = 'application/vnd.oci.image.manifest.v1+json';

export interface Image {
  readonly config: Content;
  readonly layers: readonly Content[];
  readonly manifest: Content;
}

/** An image over these layers, with a config nobody has. */
export function imageOf(layers: readonly Content[]): Image {
  const config = textBlob(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      created: new Date().toISOString(),
      config: { Labels: { build: String(Math.random()) } },
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.digest) },
    }),
  );
  const manifest = textBlob(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: configType, digest: config.digest, size: config.sizeBytes },
      layers: layers.map(({ digest, sizeBytes }) => ({
        mediaType: layerType,
        digest,
        size: sizeBytes,
      })),
    }),
  );
  return { config, layers, manifest };
}

/** Bytes that cross the network when everything of the image is new. */
export function imageBytes(image: Image): number {
  const blobs = [image.config, ...image.layers, image.manifest];
  return blobs.reduce((sum, blob) => sum + blob.sizeBytes, 0);
}

/** A tag of its own for each image, as CI makes them. */
export function buildTag(image: Image): string {
  return `build-${image.manifest.digest.slice('sha256:'.length).slice(0, 16)}`;
}

/** Pushes everything of an image as new, then its manifest under `tag`. */
export async function pushImage(
  connection: Connection,
  repository: string,
  tag: string,
  image: Image,
): Promise<void> {
  for (const blob of [...image.layers, image.config]) {
    await pushBlob(connection, repository, blob);
  }
  await putManifest(connection, repository, tag, image);
}

export async function putManifest(
  connection: Connection,
  repository: string,
  reference: string,
  image: Image,
): Promise<void> {
  await expect(connection, [201], {
    method: 'PUT',
    path: `/v2/${repository}/manifests/${reference}`,
    headers: { 'Content-Type': manifestType },
    body: image.manifest,
  });
}

/** Whether the repository has the blob. */
export async function hasBlob(
  connection: Connection,
  repository: string,
  digest: string,
): Promise<boolean> {
  const path = `/v2/${repository}/blobs/${digest}`;
  return (await expect(connection, [200, 404], { method: 'HEAD', path })).status === 200;
}

/** As docker: asks for the blob, and pushes it in one PATCH and an empty PUT when it is not there. */
export async function pushBlob(
  connection: Connection,
  repository: string,
  blob: Content,
): Promise<void> {
  if (await hasBlob(connection, repository, blob.digest)) {
    return;
  }
  const uploadPath = await startUpload(connection, repository);
  const patched = await expect(connection, [202], {
    method: 'PATCH',
    path: uploadPath,
    headers: { 'Content-Type': 'application/octet-stream' },
    body: blob,
  });
  await closeUpload(connection, locationOf(patched), blob.digest);
}

/** As containerd, BuildKit and ORAS: the PUT that ends the session carries the whole blob. */
export async function pushInPut(
  connection: Connection,
  repository: string,
  blob: Content,
): Promise<void> {
  if (await hasBlob(connection, repository, blob.digest)) {
    return;
  }
  await closeUpload(connection, await startUpload(connection, repository), blob.digest, blob);
}

/** In PATCHes of `chunkBytes`, each with its Content-Range. */
export async function pushInChunks(
  connection: Connection,
  repository: string,
  blob: Content,
  chunkBytes: number,
): Promise<void> {
  let path = await startUpload(connection, repository);
  for (let start = 0; start < blob.sizeBytes; start += chunkBytes) {
    const end = Math.min(blob.sizeBytes, start + chunkBytes);
    const patched = await expect(connection, [202], {
      method: 'PATCH',
      path,
      headers: {
        'Content-Type': 'application/octet-stream',
        'Content-Range': `${start}-${end - 1}`,
      },
      body: blob.slice(start, end),
    });
    path = locationOf(patched);
  }
  await closeUpload(connection, path, blob.digest);
}

/** Links a blob of another repository; an error when the server asks for its bytes instead. */
export async function mountBlob(
  connection: Connection,
  repository: string,
  digest: string,
  from: string,
): Promise<void> {
  const path = `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${encodeURIComponent(from)}`;
  await expect(connection, [201], { method: 'POST', path });
}

/** As docker pulls what it has nothing of: the manifest by tag, then by digest, then every blob. Gives the bytes. */
export async function pullImage(
  connection: Connection,
  repository: string,
  tag: string,
  image: Image,
): Promise<number> {
  const headers = { Accept: manifestType };
  const manifests = `/v2/${repository}/manifests`;
  await expect(connection, [200], { method: 'HEAD', path: `${manifests}/${tag}`, headers });
  const path = `${manifests}/${image.manifest.digest}`;
  let bytes = (await expect(connection, [200], { method: 'GET', path, headers })).bodyBytes;
  for (const blob of [image.config, ...image.layers]) {
    bytes += await getBlob(connection, repository, blob.digest);
  }
  return bytes;
}

/** Reads a blob to its end and gives its size. */
export async function getBlob(
  connection: Connection,
  repository: string,
  digest: string,
): Promise<number> {
  const path = `/v2/${repository}/blobs/${digest}`;
  return (await expect(connection, [200], { method: 'GET', path })).bodyBytes;
}

/** A request whose reply must have one of these statuses. */
export async function expect(
  connection: Connection,
  statuses: readonly number[],
  request: Request,
): Promise<Response> {
  const response = await connection.request(request);
  if (!statuses.includes(response.status)) {
    throw new Error(
      `${request.method} ${request.path} answered ${response.status}, not ${statuses.join(' or ')}`,
    );
  }
  return response;
}

async function startUpload(connection: Connection, repository: string): Promise<string> {
  const path = `/v2/${repository}/blobs/uploads/`;
  return locationOf(await expect(connection, [202], { method: 'POST', path }));
}

async function closeUpload(
  connection: Connection,
  path: string,
  digest: string,
  body?: Content,
): Promise<void> {
  const joint = path.includes('?') ? '&' : '?';
  await expect(connection, [201], {
    method: 'PUT',
    path: `${path}${joint}digest=${digest}`,
    ...(body && { headers: { 'Content-Type': 'application/octet-stream' }, body }),
  });
}

/** Path and query of the reply's Location, absolute or not. */
function locationOf(response: Response): string {
  const location = headerOf(response.head, 'location');
  if (location === undefined) {
    throw new Error('reply without a Location');
  }
  return location.replace(/^https?:\/\/[^/]+/, '');
}
