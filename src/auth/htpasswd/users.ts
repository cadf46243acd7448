/**
 * The htpasswd file in use: loads it, makes it when missing, follows its changes, and gives for any user name a hash
 * to compare with. Owned by htpasswd.ts.
 */

import { createHmac, randomBytes } from 'node:crypto';
import { CodedError, errorText, hasCode } from '../../errors.ts';
import type { Logger } from '../../observe/logger.ts';
import { createWatchedFile } from '../watched-file.ts';
import { type HtpasswdTable, parseHtpasswd } from './parse.ts';
import { provisionHtpasswd } from './provision.ts';

export interface HtpasswdUsersSettings {
  readonly path: string;
  readonly logger: Logger;
  /** Prints one line on stdout; gets the generated password, which nothing else may see. */
  announce(line: string): void;
  /** The file's content changed: forget what was concluded from the old one. */
  onChange(): void;
  readonly pollMs?: number;
}

export interface HtpasswdUsers {
  start(): Promise<void>;
  reload(): Promise<void>;
  stop(): Promise<void>;
  has(user: string): boolean;
  /** The bcrypt hash of a known user. */
  hashOf(user: string): string | undefined;
  /** A hash that no password matches, as costly to compare as a real one: unknown users must not answer faster. */
  decoyOf(user: string): string;
}

/** Above this a comparison takes more than a second. */
const slowCost = 14;
const defaultCost = 10;

export function createHtpasswdUsers(settings: HtpasswdUsersSettings): HtpasswdUsers {
  const { path, logger } = settings;
  const decoyKey = randomBytes(32);
  let table: HtpasswdTable = { entries: new Map(), remarks: [] };
  let costs: readonly number[] = [defaultCost];
  let decoys = new Map<number, string>();

  const file = createWatchedFile({
    path,
    what: 'htpasswd file',
    logger,
    ...(settings.pollMs === undefined ? {} : { pollMs: settings.pollMs }),
    load(content) {
      table = parseHtpasswd(content);
      costs = Array.from(table.entries.values(), (entry) => entry.cost);
      if (costs.length === 0) costs = [defaultCost];
      decoys = new Map(costs.map((cost) => [cost, makeDecoy(cost)]));
      settings.onChange();
      for (const { line, user, remark } of table.remarks) {
        logger.warn(`htpasswd file: line ${line} ${remark}`, { path, username: user });
      }
      const slowest = Math.max(...decoys.keys());
      if (slowest > slowCost) {
        logger.warn(
          `htpasswd file: bcrypt cost ${slowest} makes a login take seconds; 10 to 12 is usual`,
          { path },
        );
      }
    },
  });

  async function start(): Promise<void> {
    try {
      await file.start();
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
      const made = await provisionHtpasswd(path);
      if (made !== undefined) {
        settings.announce(
          `htpasswd file ${path} was missing and has been created with user "${made.user}" and password "${made.password}"`,
        );
        logger.warn(
          'htpasswd is missing, provisioning with default user; its password is on standard output',
          { path, user: made.user },
        );
      }
      await file.start();
    }
  }

  return {
    async start() {
      try {
        await start();
      } catch (error) {
        throw new CodedError('HTPASSWD_INVALID', `htpasswd file ${path}: ${errorText(error)}`, {
          cause: error,
        });
      }
    },
    reload: () => file.reload(),
    stop: () => file.stop(),
    has: (user) => table.entries.has(user),
    hashOf: (user) => table.entries.get(user)?.hash,
    decoyOf(user) {
      // With mixed costs each unknown name keeps one cost, spread as in the file: one cost for all would tell users
      // of another cost apart.
      const digest = createHmac('sha256', decoyKey).update(user).digest();
      const cost = costs[digest.readUInt32BE(0) % costs.length] ?? defaultCost;
      return decoys.get(cost) ?? makeDecoy(cost);
    },
  };
}

const bcryptAlphabet = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Salt and hash at random: nobody knows a password for it, and comparing costs what `cost` says. */
function makeDecoy(cost: number): string {
  const tail = Array.from(randomBytes(53), (byte) => bcryptAlphabet[byte % 64]).join('');
  return `$2b$${String(cost).padStart(2, '0')}$${tail}`;
}
