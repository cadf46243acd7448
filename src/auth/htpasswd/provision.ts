/**
 * Makes the htpasswd file when it is missing: one user with a random password. Called once, at start, before anything
 * is served.
 */

import { randomBytes } from 'node:crypto';
import { link, mkdir, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasCode } from '../../errors.ts';

const provisionedUser = 'docker';
/** As Distribution. */
const cost = 10;

export interface Provisioned {
  readonly user: string;
  readonly password: string;
}

/**
 * Writes `path` with mode 0600 (new parent folders 0700), whole or not at all.
 *
 * @returns the user made, or `undefined` when another process made the file first
 */
export async function provisionHtpasswd(path: string): Promise<Provisioned | undefined> {
  const password = randomBytes(32).toString('base64url');
  // Loaded only here, and run before the first request: no request waits behind this hash.
  const { hash } = await import('bcryptjs');
  // The closing line break, which Distribution leaves out, lets `echo >>` and editors add users.
  const content = `${provisionedUser}:${await hash(password, cost)}\n`;

  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  await writeNew(draft, content);
  try {
    // A link refuses to replace, so of two instances that start together one wins and both use its file.
    await link(draft, path);
    return { user: provisionedUser, password };
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return undefined;
    // No hard links here (FAT, some network mounts): written in place, which still never replaces a file.
    try {
      await writeNew(path, content);
    } catch (second) {
      if (hasCode(second, 'EEXIST')) return undefined;
      throw second;
    }
    return { user: provisionedUser, password };
  } finally {
    await unlink(draft);
  }
}

async function writeNew(path: string, content: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}
