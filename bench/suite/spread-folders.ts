/** Keeps the registries under test from paying for each other's deletions. */

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Makes `folder` for one registry, in a part of the disk of its own where the file system can do that.
 *
 * ext4 without a journal looks for a new inode past all that were freed near by in the last minutes. Distribution frees
 * some for each upload, and side by side on one disk everybody else pays for them: a fifth of our CPU of a small push.
 * Operators run one registry on a disk. Folders below one marked as the top of a hierarchy (chattr(1), T) are spread
 * over the block groups by the hash of their name; other file systems have no such mark and no need of it.
 *
 * @returns the folder made
 */
export function makeFolderApart(parent: string, name: string): string {
  spawnSync('chattr', ['+T', parent], { stdio: 'ignore' });
  const folder = join(parent, `${name}-${randomBytes(4).toString('hex')}`);
  mkdirSync(folder);
  return folder;
}
