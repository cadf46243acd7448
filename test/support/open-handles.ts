/** Open file descriptors, as /proc tells them (Linux only, where the suite runs). */

import { readdirSync, readlinkSync } from 'node:fs';

/** How many descriptors of this process point to `folder` or below. */
export function openHandlesBelow(folder: string): number {
  let count = 0;
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder)) {
        count += 1;
      }
    } catch {
      // The descriptor of the listing itself is gone by now.
    }
  }
  return count;
}
