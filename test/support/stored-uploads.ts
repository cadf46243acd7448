/** Looks into the storage of a running registry at uploads that are still under way. */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes of all unfinished uploads below a storage root. */
export async function storedUploadBytes(root: string): Promise<number> {
  const names = await readdir(root, { recursive: true }).catch(() => []);
  const data = names.filter((name) => /_uploads\/[^/]+\/data$/.test(name));
  const sizes = await Promise.all(
    data.map((name) =>
      stat(join(root, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
