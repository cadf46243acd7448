/** Finds a place in a whole list of a directory. */

import type { ListEntry } from './driver.ts';

/** Index of the first name past `after`, in a list of names that a path can have: ASCII, in byte order. */
export function firstAfter(entries: readonly ListEntry[], after: string): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle] as ListEntry).name > after) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}
