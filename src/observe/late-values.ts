/**
 * Fields whose values become what is printed only where the line is printed, which under load is the log thread: what
 * they cost is then not paid by the thread that serves.
 */

import { formatGoDuration } from './go-text.ts';
import { numberedUuidV7 } from './uuid.ts';

/** Its value is new in each line, unless the client or somebody else has seen one. */
export const idKey = 'http.request.id';

const lateKeys: ReadonlyMap<string, (value: unknown) => unknown> = new Map([
  // Nobody has seen it yet, so whoever prints it may choose it.
  [idKey, (value: unknown): unknown => value ?? numberedUuidV7()],
  ['http.response.duration', durationText],
  ['timing.auth', durationText],
  ['timing.hash', durationText],
  ['timing.storage', durationText],
]);

function durationText(value: unknown): unknown {
  return typeof value === 'number' ? formatGoDuration(value) : value;
}

/** What makes a value of this key printable, if something must. Leaves printable ones as they are. */
export function lateKey(key: string): ((value: unknown) => unknown) | undefined {
  return lateKeys.get(key);
}

/** All values as they are printed. */
export function madeValues(keys: readonly string[], values: readonly unknown[]): unknown[] {
  return values.map((value, index) => {
    const make = lateKeys.get(keys[index] ?? '');
    return make === undefined ? value : make(value);
  });
}
