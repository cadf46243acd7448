/** What tells whether anything below a folder was changed, be it only for a moment: for tests of those that only read. */

import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** A line for the folder and each file and folder below it. A temp file that came and went shows in its folder's times. */
export async function treeFacts(folder: string): Promise<string[]> {
  const below = await readdir(folder, { recursive: true });
  return Promise.all(
    ['', ...below.sort()].map(async (path) => {
      const { ctimeNs, ino, mode, mtimeNs, size } = await lstat(join(folder, path), {
        bigint: true,
      });
      return [path || '.', ino, mode, size, mtimeNs, ctimeNs].join(' ');
    }),
  );
}
