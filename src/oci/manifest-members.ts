/**
 * Readers of a manifest's members, for manifest.ts. Each tells `onFault` what is not as it should be, then gives what
 * could be read all the same: whoever takes no faults throws there, so that strict and lenient reading cannot part ways.
 */

import type { Descriptor, Platform } from './descriptor.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Told of a member that cannot be read. `mayRefer`: it may name content, which is then not among what was read. */
export type OnFault = (detail: string, mayRefer: boolean) => void;

/** Keys that mean something, by their folded form. */
type KnownKeys = ReadonlyMap<string, string>;

const manifestKeys = foldedKeys([
  'schemaVersion',
  'mediaType',
  'config',
  'layers',
  'manifests',
  'subject',
  'artifactType',
  'annotations',
]);
const descriptorKeys = foldedKeys([
  'mediaType',
  'digest',
  'size',
  'urls',
  'annotations',
  'data',
  'platform',
  'artifactType',
]);
const platformKeys = foldedKeys(['architecture', 'os', 'os.version', 'os.features', 'variant']);

function foldedKeys(keys: readonly string[]): KnownKeys {
  return new Map(keys.map((key) => [fold(key), key]));
}

/** As Go compares keys. Of all letters beyond ASCII only the Kelvin sign and the long s fold to one of a known key. */
function fold(key: string): string {
  return key.toLowerCase().replaceAll('\u017f', 's');
}

/**
 * Distribution, written in Go, takes `Layers` for `layers`, the last of several spellings, and keeps its blobs. To
 * others such a key is unknown: the same bytes would mean two things.
 */
function withKnownKeys(
  json: JsonObject,
  known: KnownKeys,
  path: string,
  mayRefer: boolean,
  onFault: OnFault,
): JsonObject {
  const meant = (key: string): string => known.get(fold(key)) ?? key;
  const keys = Object.keys(json);
  const odd = keys.find((key) => meant(key) !== key);
  if (odd === undefined) {
    return json;
  }
  onFault(`${path}${odd} differs from ${meant(odd)} in case only`, mayRefer);
  return Object.fromEntries(keys.map((key) => [meant(key), json[key]]));
}

/** The members of a manifest under the keys that are meant. */
export function manifestMembers(json: JsonObject, onFault: OnFault): JsonObject {
  return withKnownKeys(json, manifestKeys, '', true, onFault);
}

/** Absent and `null` are one, as in Go. */
export function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function descriptorList(value: unknown, path: string, onFault: OnFault): Descriptor[] {
  if (isAbsent(value)) {
    return [];
  }
  if (!Array.isArray(value)) {
    onFault(`${path} must be a list`, true);
    return [];
  }
  return value
    .map((item, index) => readDescriptor(item, `${path}[${index}]`, onFault))
    .filter((descriptor) => descriptor !== undefined);
}

/** Only we look at subjects, so that an empty one names nothing to anybody. */
export function optionalSubject(value: unknown, onFault: OnFault): Descriptor | undefined {
  if (isAbsent(value)) {
    return undefined;
  }
  const isEmpty = isObject(value) && Object.keys(value).length === 0;
  const onSubjectFault: OnFault = isEmpty ? (detail) => onFault(detail, false) : onFault;
  return readDescriptor(value, 'subject', onSubjectFault);
}

/**
 * `undefined` for what cannot be read as one. Even a descriptor without a digest may refer: of a key that stands there
 * twice, Go merges both values, and we see only the second.
 */
export function readDescriptor(
  value: unknown,
  path: string,
  onFault: OnFault,
): Descriptor | undefined {
  if (!isObject(value)) {
    onFault(`${path} must be a descriptor`, value !== undefined);
    return undefined;
  }
  const json = withKnownKeys(value, descriptorKeys, `${path}.`, true, onFault);
  const { digest } = json;
  if (typeof digest !== 'string') {
    onFault(`${path}.digest must be a string`, true);
    return undefined;
  }
  const size = readSize(json['size'], path, onFault);
  const urls = readUrls(json['urls'], path, onFault);
  const platform = readPlatform(json['platform'], path, onFault);
  const annotations = optionalStringMap(json['annotations'], `${path}.annotations`, onFault);
  const artifactType = optionalString(json['artifactType'], `${path}.artifactType`, onFault);
  return {
    mediaType: optionalString(json['mediaType'], `${path}.mediaType`, onFault) ?? '',
    digest,
    size,
    ...(urls === undefined ? {} : { urls }),
    ...(platform === undefined ? {} : { platform }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
}

function readSize(value: unknown, path: string, onFault: OnFault): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) {
    return value as number;
  }
  if (value !== undefined) {
    onFault(`${path}.size must be a whole number of bytes`, false);
  }
  return 0;
}

function readUrls(value: unknown, path: string, onFault: OnFault): readonly string[] | undefined {
  if (isAbsent(value)) {
    return undefined;
  }
  if (Array.isArray(value) && value.every((url) => typeof url === 'string')) {
    return value;
  }
  onFault(`${path}.urls must be a list of strings`, false);
  return undefined;
}

function readPlatform(value: unknown, path: string, onFault: OnFault): Platform | undefined {
  if (isAbsent(value)) {
    return undefined;
  }
  if (!isObject(value)) {
    onFault(`${path}.platform must be an object`, false);
    return undefined;
  }
  const json = withKnownKeys(value, platformKeys, `${path}.platform.`, false, onFault);
  return {
    architecture:
      optionalString(json['architecture'], `${path}.platform.architecture`, onFault) ?? '',
    os: optionalString(json['os'], `${path}.platform.os`, onFault) ?? '',
  };
}

export function optionalString(value: unknown, path: string, onFault: OnFault): string | undefined {
  if (typeof value === 'string') {
    return value;
  }
  if (!isAbsent(value)) {
    onFault(`${path} must be a string`, false);
  }
  return undefined;
}

/** With a fault: what of it maps to strings. */
export function optionalStringMap(
  value: unknown,
  path: string,
  onFault: OnFault,
): Readonly<Record<string, string>> | undefined {
  if (isAbsent(value)) {
    return undefined;
  }
  const entries = isObject(value) ? Object.entries(value) : [];
  const good = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  if (!isObject(value) || good.length < entries.length) {
    onFault(`${path} must map strings to strings`, false);
  }
  return isObject(value) ? Object.fromEntries(good) : undefined;
}
