/**
 * Reads the text of an Apache htpasswd file into a table of users with bcrypt hashes.
 * Pure; called at start and at each change of the file.
 */

import { CodedError } from '../../errors.ts';

export interface HtpasswdEntry {
  readonly user: string;
  readonly hash: string;
  /** log2 of bcrypt's rounds. */
  readonly cost: number;
}

export interface HtpasswdRemark {
  readonly line: number;
  readonly user: string;
  readonly remark: string;
}

export interface HtpasswdTable {
  readonly entries: ReadonlyMap<string, HtpasswdEntry>;
  /** What an operator should know of: ignored lines, doubled users. Holds no hashes. */
  readonly remarks: readonly HtpasswdRemark[];
}

const bcryptHash = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const kinds: readonly (readonly [RegExp, string])[] = [
  [/^\$2/, 'a malformed bcrypt hash'],
  [/^\$apr1\$/, 'an Apache MD5 hash'],
  [/^\$1\$/, 'an MD5 hash'],
  [/^\$5\$/, 'a SHA-256 crypt hash'],
  [/^\$6\$/, 'a SHA-512 crypt hash'],
  [/^\{SHA\}/, 'a SHA-1 hash'],
];

/**
 * Parses the file: one `user:hash` on each line, lines trimmed, empty and `#` lines skipped, a byte order mark and
 * CRLF tolerated. The last line of a user counts, even when it is unusable: whoever replaced a password with another
 * kind of hash meant the old one to end.
 *
 * @throws CodedError `HTPASSWD_INVALID` for a line without a colon or bytes that are not UTF-8. The message names the
 *   line and not its text, which may well be a hash or a password.
 */
export function parseHtpasswd(content: Buffer): HtpasswdTable {
  const entries = new Map<string, HtpasswdEntry>();
  const remarks: HtpasswdRemark[] = [];
  const seenAt = new Map<string, number>();
  let number = 0;
  for (const raw of decode(content).split('\n')) {
    number += 1;
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    if (colon < 0) throw new CodedError('HTPASSWD_INVALID', `invalid entry at line ${number}`);
    const user = line.slice(0, colon);
    if (user === '') {
      remarks.push({ line: number, user, remark: 'has no user name and is ignored' });
      continue;
    }
    const hash = line.slice(colon + 1);
    const before = seenAt.get(user);
    if (before !== undefined) {
      remarks.push({ line: number, user, remark: `replaces the entry at line ${before}` });
    }
    seenAt.set(user, number);
    const cost = costOf(hash);
    if (cost === undefined) {
      entries.delete(user);
      remarks.push({
        line: number,
        user,
        remark: `has ${kindOf(hash)} and is ignored: only bcrypt is supported`,
      });
    } else {
      entries.set(user, { user, hash, cost });
    }
  }
  return { entries, remarks };
}

function decode(content: Buffer): string {
  try {
    // Drops a leading byte order mark by itself.
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch (cause) {
    throw new CodedError('HTPASSWD_INVALID', 'not UTF-8 text', { cause });
  }
}

function costOf(hash: string): number | undefined {
  const cost = Number(bcryptHash.exec(hash)?.[1] ?? Number.NaN);
  return cost >= 4 && cost <= 31 ? cost : undefined;
}

function kindOf(hash: string): string {
  return kinds.find(([pattern]) => pattern.test(hash))?.[1] ?? 'another kind of hash';
}
