/**
 * Remembers for a short time which Authorization headers were right and which were wrong, so that a client that sends
 * its password with every request costs one bcrypt comparison a minute. Holds no password: only HMACs under a key
 * that is made at start and never leaves the process.
 */

import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';

/** Counted from the comparison, not from the last use: a password taken back elsewhere is good for so long at most. */
export const rememberVerifiedMs = 60_000;
/**
 * Wrong pairs are remembered too, more briefly: a job that repeats a stale password would otherwise keep a core busy
 * with bcrypt. Nobody is locked out by it (other passwords of the user are compared as ever, and a changed file
 * forgets all), and the quick second answer tells nothing, as it comes for unknown users alike.
 */
export const rememberRefusedMs = 10_000;
const maxVerified = 4096;
/** A separate bound, so that guesses cannot push out verified pairs. */
const maxRefused = 1024;

export interface VerifiedCache {
  /** A name for the header that tells nothing about it. */
  keyOf(authorization: string): string;
  /** The user whose password was right, `false` when it was wrong, `undefined` when not known. */
  get(key: string): string | false | undefined;
  put(key: string, user: string | false): void;
  clear(): void;
}

export function createVerifiedCache(nowMs: () => number = () => performance.now()): VerifiedCache {
  const secret: KeyObject = createSecretKey(randomBytes(32));
  // lru-cache takes 0 for "no expiry known yet", hence the offset for clocks that start there.
  const clock = { now: (): number => nowMs() + 1 };
  const verified = new LRUCache<string, string>({
    max: maxVerified,
    ttl: rememberVerifiedMs,
    ttlResolution: 0,
    perf: clock,
  });
  const refused = new LRUCache<string, true>({
    max: maxRefused,
    ttl: rememberRefusedMs,
    ttlResolution: 0,
    perf: clock,
  });
  return {
    keyOf: (authorization) => createHmac('sha256', secret).update(authorization).digest('base64'),
    get: (key) => verified.get(key) ?? (refused.has(key) ? false : undefined),
    put(key, user) {
      if (user === false) refused.set(key, true);
      else verified.set(key, user);
    },
    clear() {
      verified.clear();
      refused.clear();
    },
  };
}
