/** Media types that a registry must know. image-spec media-types.md; Docker's from its image manifest v2 schema 2. */

export const MediaType = {
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerForeignLayer: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerPluginConfig: 'application/vnd.docker.plugin.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociForeignLayer: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
  ociForeignLayerGzip: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  octetStream: 'application/octet-stream',
} as const;

/** The four manifest types that Distribution stores. */
export type ManifestMediaType =
  | typeof MediaType.dockerManifest
  | typeof MediaType.dockerList
  | typeof MediaType.ociManifest
  | typeof MediaType.ociIndex;

const manifestTypes: ReadonlySet<string> = new Set([
  MediaType.dockerManifest,
  MediaType.dockerList,
  MediaType.ociManifest,
  MediaType.ociIndex,
]);

export function isManifestMediaType(text: string): text is ManifestMediaType {
  return manifestTypes.has(text);
}

/** The bare type, lower case, parameters dropped: `A/B; q=1` -> `a/b`. */
export function bareMediaType(text: string): string {
  const semicolon = text.indexOf(';');
  return (semicolon < 0 ? text : text.slice(0, semicolon)).trim().toLowerCase();
}
