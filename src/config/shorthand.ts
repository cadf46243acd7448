/**
 * Short and lenient spellings, put into the long form before anything is converted: `storage: inmemory`,
 * `auth: none`, drivers without parameters, and two values Distribution lets pass.
 */

import { s3LogLevels } from '../storage/drivers/s3/options.ts';
import { type Notices, shownValue } from './faults.ts';
import { emptyMap, isNull, plainScalar, type RawMap, rawAt } from './raw.ts';

/** `storage: name` and `auth: name` become a section with that one key. */
export function expandShorthand(root: RawMap): void {
  for (const key of ['storage', 'auth']) {
    const node = root.entries.get(key);
    if (node?.kind !== 'scalar' || isNull(node) || node.text === '') continue;
    const map = emptyMap(node.origin);
    map.entries.set(node.text, emptyMap(node.origin));
    root.entries.set(key, map);
  }
}

/** Keys of `storage` that name no driver. */
const commonKeys: ReadonlySet<string> = new Set([
  'maintenance',
  'cache',
  'delete',
  'redirect',
  'tag',
]);

/** The driver names given under `storage`, known or not, as written. */
export function givenDrivers(root: RawMap): string[] {
  return namesUnder(root, 'storage').filter((key) => !commonKeys.has(key));
}

/** The provider names given under `auth`, as written; `none` is none. */
export function givenProviders(root: RawMap): string[] {
  return namesUnder(root, 'auth').filter((key) => key.toLowerCase() !== 'none');
}

function namesUnder(root: RawMap, key: string): string[] {
  const node = root.entries.get(key);
  return node?.kind === 'map' ? [...node.entries.keys()] : [];
}

/** `filesystem:` with nothing below it still chooses that driver. Runs after the environment. */
export function fillPresence(root: RawMap): void {
  for (const [key, names] of [
    ['storage', givenDrivers(root)],
    ['auth', givenProviders(root)],
  ] as const) {
    const map = root.entries.get(key);
    if (map?.kind !== 'map') continue;
    for (const name of names) {
      const node = map.entries.get(name);
      if (node !== undefined && isNull(node)) map.entries.set(name, emptyMap(node.origin));
    }
  }
}

/** Values that Distribution takes as "off" instead of refusing them: warn, and take them so. */
export function dropLenientValues(root: RawMap, notices: Notices): void {
  for (const driver of ['s3', 's3aws']) {
    const parent = rawAt(root, 'storage', driver);
    const level = rawAt(parent, 'loglevel');
    if (parent?.kind !== 'map' || level?.kind !== 'scalar' || isNull(level)) continue;
    if (s3LogLevels.some((known) => known === level.text.toLowerCase())) continue;
    parent.entries.set('loglevel', plainScalar('off', level.origin));
    notices.warn({
      path: `storage.${driver}.loglevel`,
      origin: level.origin,
      value: shownValue(level.text),
      message: `unknown, taken as off; known are [${s3LogLevels.join(', ')}]`,
    });
  }
  const cache = rawAt(root, 'storage', 'cache');
  if (cache?.kind !== 'map') return;
  const key = cache.entries.has('blobdescriptor') ? 'blobdescriptor' : 'layerinfo';
  const kind = cache.entries.get(key);
  if (kind?.kind !== 'scalar' || ['', 'inmemory', 'redis'].includes(kind.text) || isNull(kind))
    return;
  cache.entries.delete(key);
  notices.warn({
    path: `storage.cache.${key}`,
    origin: kind.origin,
    value: shownValue(kind.text),
    message: 'unknown cache type, caching disabled; known are [inmemory, redis]',
  });
}
