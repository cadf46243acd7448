/**
 * Shapes of image manifests and indexes, and the descriptors they point to. Pure; the bytes themselves are kept as
 * sent. image-spec manifest.md and image-index.md; Docker schema 2; rejected shapes as in reference 4.1.
 */

import { CodedError } from '../errors.ts';
import type { Descriptor } from './descriptor.ts';
import {
  descriptorList,
  isAbsent,
  isObject,
  type JsonObject,
  manifestMembers,
  type OnFault,
  optionalString,
  optionalStringMap,
  optionalSubject,
  readDescriptor,
} from './manifest-members.ts';
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
  /** False when it may point to more than could be read. */
  readonly isWhole: boolean;
}

/** JSON nested deeper than this is nobody's manifest, and costs stack to walk. */
const maxDepth = 64;

function invalid(detail: string): CodedError {
  return new CodedError('MANIFEST_INVALID', 'manifest invalid', { detail });
}

/**
 * Reads a manifest pushed with a Content-Type. What is taken here reads the same with `parseStoredManifest`: storage
 * keeps no Content-Type, so a manifest whose bytes do not tell its type could never be pulled again.
 *
 * @throws `MANIFEST_INVALID` unknown type, not JSON, wrong member types, a body type that differs, a rejected shape
 */
export function parseManifest(bytes: Uint8Array, contentType: string): ParsedManifest {
  const mediaType = bareMediaType(contentType);
  if (!isManifestMediaType(mediaType)) {
    throw invalid(`unsupported manifest media type and no default available: ${mediaType}`);
  }
  const json = readMembers(bytes, { fatal: true }, refuse);
  if (depthExceeds(json, maxDepth)) {
    throw invalid(`JSON is nested deeper than ${maxDepth}`);
  }
  if (typeOf(json) !== mediaType) {
    const named = optionalString(json['mediaType'], 'mediaType', refuse) ?? '';
    throw invalid(
      named === ''
        ? `without a mediaType in the manifest it cannot be told as "${mediaType}"`
        : `mediaType in the manifest is "${named.slice(0, 200)}" but should be "${mediaType}"`,
    );
  }
  return { ...readManifest(json, mediaType, refuse), isWhole: true };
}

/**
 * Reads a stored manifest, whose type only its bytes tell. Lenient, since what is stored was accepted once, perhaps by
 * another registry: members that cannot be read are passed over, and `isWhole` tells when they may have named content.
 *
 * @throws `MANIFEST_INVALID` not a manifest at all, or one that reads as two kinds
 */
export function parseStoredManifest(bytes: Uint8Array): ParsedManifest {
  let isWhole = true;
  const onFault: OnFault = (_, mayRefer) => {
    isWhole &&= !mayRefer;
  };
  const json = readMembers(bytes, { fatal: false }, onFault);
  // Distribution took indexes without any member of theirs, and gives them out as this.
  const mediaType = typeOf(json) ?? (isUntyped(json) ? MediaType.ociManifest : undefined);
  if (mediaType === undefined) {
    throw invalid('unknown manifest media type');
  }
  const manifest = readManifest(json, mediaType, onFault);
  return { ...manifest, isWhole };
}

/** The type that a manifest's own bytes tell: `mediaType`, else by the members that only one of the OCI types has. */
function typeOf(json: JsonObject): ManifestMediaType | undefined {
  const named = json['mediaType'];
  if (!isUntyped(json)) {
    return typeof named === 'string' && isManifestMediaType(named) ? named : undefined;
  }
  if (!isAbsent(json['manifests'])) {
    return MediaType.ociIndex;
  }
  if (!isAbsent(json['config']) || !isAbsent(json['layers'])) {
    return MediaType.ociManifest;
  }
  // How Go prints an empty list that nobody made: `"manifests":null`.
  return Object.hasOwn(json, 'manifests') ? MediaType.ociIndex : undefined;
}

function isUntyped(json: JsonObject): boolean {
  const named = json['mediaType'];
  return isAbsent(named) || named === '';
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

const refuse: OnFault = (detail) => {
  throw invalid(detail);
};

/** @param utf8  `fatal`: bytes that are no UTF-8 are refused; else they read as U+FFFD, as in Go */
function readMembers(
  bytes: Uint8Array,
  utf8: { readonly fatal: boolean },
  onFault: OnFault,
): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { ...utf8, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw new CodedError('MANIFEST_INVALID', 'manifest invalid', {
      detail: error instanceof SyntaxError ? error.message : 'not valid UTF-8',
      cause: error,
    });
  }
  if (!isObject(value)) {
    throw invalid('a manifest must be one JSON object');
  }
  const json = manifestMembers(value, onFault);
  if (json['schemaVersion'] !== 2) {
    throw invalid('unrecognized manifest schema version, only 2 is known');
  }
  return json;
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

function readManifest(
  json: JsonObject,
  mediaType: ManifestMediaType,
  onFault: OnFault,
): Omit<ParsedManifest, 'isWhole'> {
  const isIndex = mediaType === MediaType.ociIndex || mediaType === MediaType.dockerList;
  const subject = optionalSubject(json['subject'], onFault);
  const artifactType = optionalString(json['artifactType'], 'artifactType', onFault);
  const annotations = optionalStringMap(json['annotations'], 'annotations', onFault);
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
      manifests: descriptorList(json['manifests'], 'manifests', onFault),
    };
  }
  refuseMembers(json, mediaType, ['manifests']);
  const config = readDescriptor(json['config'], 'config', onFault);
  return {
    ...common,
    kind: 'image',
    ...(config === undefined ? {} : { config }),
    layers: descriptorList(json['layers'], 'layers', onFault),
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
    if (!isAbsent(json[name])) {
      throw invalid(`${mediaType} must not have a member "${name}"`);
    }
  }
}
