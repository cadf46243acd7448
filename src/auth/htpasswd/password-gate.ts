/**
 * Bounds the bcrypt work that requests can cause: so many comparisons at once, so many waiting, the same question
 * asked only once. The work itself is a PasswordVerifier's, off the main thread.
 */

import { CodedError } from '../../errors.ts';

/** One bcrypt comparison somewhere off the main thread; the worker pool fits it (worker/bcrypt-job.ts). */
export interface PasswordVerifier {
  verify(password: string, hash: string): Promise<boolean>;
}

export interface PasswordGateLimits {
  readonly concurrency: number;
  readonly waiting: number;
}

export interface PasswordGate {
  /**
   * @param key  Equal for equal (password, hash) pairs and secret-free; callers with a running key share its answer.
   * @throws CodedError `UNAVAILABLE` when too many wait. Not TOOMANYREQUESTS: a 429 tells a client that it asked too
   *   often, while here the server is short of cores, mostly because of somebody else; docker and containerd retry both.
   */
  verify(key: string, password: string, hash: string): Promise<boolean>;
  readonly waiting: number;
}

export function createPasswordGate(
  verifier: PasswordVerifier,
  limits: PasswordGateLimits,
): PasswordGate {
  const shared = new Map<string, Promise<boolean>>();
  const queue: (() => void)[] = [];
  let running = 0;

  async function run(password: string, hash: string): Promise<boolean> {
    if (running < limits.concurrency) running += 1;
    else await new Promise<void>((resolve) => queue.push(resolve));
    try {
      return await verifier.verify(password, hash);
    } catch (cause) {
      throw new CodedError('UNAVAILABLE', 'passwords cannot be checked now', { cause });
    } finally {
      // The place is handed on, not freed, so that a newcomer cannot overtake who waits.
      const next = queue.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  }

  return {
    get waiting(): number {
      return queue.length;
    },
    verify(key, password, hash) {
      const same = shared.get(key);
      if (same !== undefined) return same;
      if (running >= limits.concurrency && queue.length >= limits.waiting) {
        return Promise.reject(
          new CodedError('UNAVAILABLE', 'too many password checks are waiting'),
        );
      }
      const answer = run(password, hash).finally(() => shared.delete(key));
      shared.set(key, answer);
      return answer;
    },
  };
}
