/**
 * Worker side of password checks: one bcrypt comparison, which keeps a core busy for tens of milliseconds.
 * Called by the worker pool for auth/htpasswd; must not run on the main thread.
 */

import { compareSync } from 'bcryptjs';
import { tellLoaded } from './loaded.ts';

export interface VerifyPasswordJob {
  readonly password: string;
  /** A whole bcrypt string, `$2a$`, `$2b$` or `$2y$`. */
  readonly hash: string;
}

/**
 * Whether the password belongs to the hash.
 *
 * Only the first 72 bytes of the UTF-8 password count, here as in Go's bcrypt: the key schedule reads 18 words of
 * the password followed by a zero byte. bcryptjs refuses nothing when comparing, so nothing is cut here.
 */
export function verifyPassword(job: VerifyPasswordJob): Promise<boolean> {
  return Promise.resolve(compareSync(job.password, job.hash));
}

tellLoaded();
