/** Frees the disk between runs, beside running servers: pushed bytes go, every file and folder stays. */

import { type Dirent, readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

/** Files from this size are pushed data, worth freeing. */
const freedFromBytes = 256 * 1024;

/**
 * Cuts large files to nothing. Digests are new in each run, so no server asks for these bytes again; and servers that
 * remember which folders exist are not misled. What a server removes meanwhile (upload sessions) is passed over.
 */
export function freeData(folder: string): void {
  for (const entry of listed(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      freeData(path);
    } else {
      try {
        if (statSync(path).size >= freedFromBytes) {
          truncateSync(path);
        }
      } catch (error) {
        passIfGone(error);
      }
    }
  }
}

function listed(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    passIfGone(error);
    return [];
  }
}

function passIfGone(error: unknown): void {
  const isGone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  if (!isGone) {
    throw error;
  }
}
