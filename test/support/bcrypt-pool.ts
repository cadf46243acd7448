/**
 * Real bcrypt on a real worker thread: the built job in a Piscina pool of one, as the program runs it.
 * Needs `npm run build` (part of `npm test`), since Node 20 workers cannot load TypeScript.
 */

import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { PasswordVerifier } from '../../src/auth/htpasswd/password-gate.ts';
import type { verifyPassword } from '../../src/worker/bcrypt-job.ts';

export interface BcryptPool extends PasswordVerifier {
  /** Comparisons asked for so far. */
  readonly count: number;
  close(): Promise<void>;
}

const jobFile = fileURLToPath(new URL('../../dist/src/worker/bcrypt-job.js', import.meta.url));

export function startBcryptPool(): BcryptPool {
  const pool = new Piscina({ filename: jobFile, maxThreads: 1, minThreads: 1 });
  let count = 0;
  return {
    get count() {
      return count;
    },
    verify(password, hash) {
      count += 1;
      const job: Parameters<typeof verifyPassword>[0] = { password, hash };
      return pool.run(job, { name: 'verifyPassword' }) as Promise<boolean>;
    },
    close: () => pool.destroy(),
  };
}
