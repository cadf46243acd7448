/** What a test sees of V8's heap: whether things die young, or stay until a full collection. */

import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

/** Collects everything, old and young. */
export const collect: () => void = runInNewContext('gc') as () => void;

/** Bytes of what has outlived two small collections and was not collected since. */
export function oldBytes(): number {
  const spaces = getHeapSpaceStatistics();
  return spaces.find(({ space_name }) => space_name === 'old_space')?.space_used_size ?? 0;
}
