/**
 * Shapes of image manifests and indexes, and the descriptors they point to. Pure; the bytes themselves are kept as
 * sent. image-spec manifest.md and image-index.md; Docker schema 2; rejected shapes as in reference 4.1.
 */

import { CodedError } from '../errors.ts';
import type { Descriptor, Platform } from './descriptor.ts';
import {
  bareMediaType,
  isManifestMediaType,
  type ManifestMediaType,
  MediaType,
} from './media-type.ts';

export interface ParsedManifest {
  readonly mediaType: ManifestMediaType;
  /** `image`: config and layers; `index`: manifests. */
  readonly kind: 'image' | 'index';
  readonly config?: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** JSON nested deeper than this is nobody's manifest, and costs stack to walk. */
const maxDepth = 64;

function invalid(detail: string): CodedError {
  return new CodedError('MANIFEST_INVALID', 'manifest invalid', { detail });
}

/**
 * Reads a manifest pushed with a Content-Type.
 *
 * @throws `MANIFEST_INVALID` unknown type, not JSON, wrong member types, a body type that differs, a rejected shape
 */
export function parseManifest(bytes: Uint8Array, contentType: string): ParsedManifest {
  const mediaType = bareMediaType(contentType);
  if (!isManifestMediaType(mediaType)) {
    throw invalid(`unsupported manifest media type and no default available: ${mediaType}`);
  }
  return readManifest(parseJsonObject(bytes), mediaType);
}

/**
 * Reads a stored manifest, whose type only its bytes tell: `mediaType`, else an index if it has `manifests`.
 * Lenient, since what is stored was accepted once, perhaps by another registry.
 *
 * @throws `MANIFEST_INVALID` not a manifest at all
 */
export function parseStoredManifest(bytes: Uint8Array): ParsedManifest {
  const json = parseJsonObject(bytes);
  const named = json['mediaType'];
  if (typeof named === 'string' && named !== '') {
    const mediaType = bareMediaType(named);
    if (!isManifestMediaType(mediaType)) {
      throw invalid(`unknown manifest media type ${mediaType}`);
    }
    return readManifest(json, mediaType);
  }
  const isIndex = json['manifests'] !== undefined && json['manifests'] !== null;
  return readManifest(json, isIndex ? MediaType.ociIndex : MediaType.ociManifest);
}

/** Everything a manifest points to but its subject: config and layers, or children. */
export function referencesOf(manifest: ParsedManifest): readonly Descriptor[] {
  return manifest.config === undefined
    ? [...manifest.layers, ...manifest.manifests]
    : [manifest.config, ...manifest.layers, ...manifest.manifests];
}

/** Type a referrer is listed and filtered by: `artifactType`, else its config's media type. distribution-spec "Listing Referrers" */
export function artifactTypeOf(manifest: ParsedManifest): string | undefined {
  return manifest.artifactType !== undefined && manifest.artifactType !== ''
    ? manifest.artifactType
    : manifest.config?.mediaType;
}

type JsonObject = Readonly<Record<string, unknown>>;

function parseJsonObject(bytes: Uint8Array): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw new CodedError('MANIFEST_INVALID', 'manifest invalid', {
      detail: error instanceof SyntaxError ? error.message : 'not valid UTF-8',
      cause: error,
    });
  }
  if (!isObject(value)) {
    throw invalid('a manifest must be one JSON object');
  }
  if (depthExceeds(value, maxDepth)) {
    throw invalid(`JSON is nested deeper than ${maxDepth}`);
  }
  return value;
}

function depthExceeds(value: unknown, left: number): boolean {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  if (left === 0) {
    return true;
  }
  for (const child of Object.values(value)) {
    if (depthExceeds(child, left - 1)) {
      return true;
    }
  }
  return false;
}

function readManifest(json: JsonObject, mediaType: ManifestMediaType): ParsedManifest {
  if (json['schemaVersion'] !== 2) {
    throw invalid('unrecognized manifest schema version, only 2 is known');
  }
  const named = optionalString(json, 'mediaType');
  const isDocker = mediaType === MediaType.dockerManifest || mediaType === MediaType.dockerList;
  if (named === undefined || named === '' ? isDocker : named !== mediaType) {
    throw invalid(`mediaType in the manifest is "${named ?? ''}" but should be "${mediaType}"`);
  }
  const isIndex = mediaType === MediaType.ociIndex || mediaType === MediaType.dockerList;
  const subject = optionalDescriptor(json['subject'], 'subject');
  const artifactType = optionalString(json, 'artifactType');
  const annotations = optionalStringMap(json['annotations'], 'annotations');
  const common = {
    mediaType,
    ...(subject === undefined ? {} : { subject }),
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  };
  if (isIndex) {
    refuseMembers(json, mediaType, ['config', 'layers']);
    return {
      ...common,
      kind: 'index',
      layers: [],
      manifests: descriptorList(json['manifests'], 'manifests'),
    };
  }
  refuseMembers(json, mediaType, ['manifests']);
  return {
    ...common,
    kind: 'image',
    config: readDescriptor(json['config'], 'config'),
    layers: descriptorList(json['layers'], 'layers'),
    manifests: [],
  };
}

/** One document must not read as another kind under another type (CVE-2021-41190). */
function refuseMembers(
  json: JsonObject,
  mediaType: ManifestMediaType,
  names: readonly string[],
): void {
  if (mediaType !== MediaType.ociManifest && mediaType !== MediaType.ociIndex) {
    return;
  }
  for (const name of names) {
    if (json[name] !== undefined && json[name] !== null) {
      throw invalid(`${mediaType} must not have a member "${name}"`);
    }
  }
}

function descriptorList(value: unknown, path: string): Descriptor[] {
  if (value === undefined || value === null) {
    return [];
  }
  if (!Array.isArray(value)) {
    throw invalid(`${path} must be a list`);
  }
  return value.map((item, index) => readDescriptor(item, `${path}[${index}]`));
}

function optionalDescriptor(value: unknown, path: string): Descriptor | undefined {
  return value === undefined || value === null ? undefined : readDescriptor(value, path);
}

function readDescriptor(value: unknown, path: string): Descriptor {
  if (!isObject(value)) {
    throw invalid(`${path} must be a descriptor`);
  }
  const { digest, size } = value;
  if (typeof digest !== 'string') {
    throw invalid(`${path}.digest must be a string`);
  }
  if (size !== undefined && !(Number.isSafeInteger(size) && (size as number) >= 0)) {
    throw invalid(`${path}.size must be a whole number of bytes`);
  }
  const urls = value['urls'];
  if (
    urls !== undefined &&
    urls !== null &&
    !(Array.isArray(urls) && urls.every((u) => typeof u === 'string'))
  ) {
    throw invalid(`${path}.urls must be a list of strings`);
  }
  const platform = readPlatform(value['platform'], path);
  const annotations = optionalStringMap(value['annotations'], `${path}.annotations`);
  const artifactType = optionalString(value, 'artifactType');
  return {
    mediaType: optionalString(value, 'mediaType') ?? '',
    digest,
    size: typeof size === 'number' ? size : 0,
    ...(Array.isArray(urls) ? { urls: urls as string[] } : {}),
    ...(platform === undefined ? {} : { platform }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
}

function readPlatform(value: unknown, path: string): Platform | undefined {
  if (value === undefined || value === null) {
    return undefined;
  }
  if (!isObject(value)) {
    throw invalid(`${path}.platform must be an object`);
  }
  return {
    architecture: optionalString(value, 'architecture') ?? '',
    os: optionalString(value, 'os') ?? '',
  };
}

function optionalString(json: JsonObject, name: string): string | undefined {
  const value = json[name];
  if (value === undefined || value === null) {
    return undefined;
  }
  if (typeof value !== 'string') {
    throw invalid(`${name} must be a string`);
  }
  return value;
}

function optionalStringMap(value: unknown, path: string): Record<string, string> | undefined {
  if (value === undefined || value === null) {
    return undefined;
  }
  if (!isObject(value) || !Object.values(value).every((item) => typeof item === 'string')) {
    throw invalid(`${path} must map strings to strings`);
  }
  return value as Record<string, string>;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
