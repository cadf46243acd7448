/**
 * The walk through the directories of repositories that the catalog and the long jobs share, in catalog order
 * (catalog.ts). It waits only where storage must be asked: ten thousand directories whose lists storage can tell here
 * and now are walked without a promise each, which would cost more than the lists do.
 */

import { setImmediate } from 'node:timers/promises';
import { type RepositoryName, tryParseRepositoryName } from '../oci/reference.ts';
import type { ListEntry, StorageDriver } from '../storage/driver.ts';
import { firstAfter } from '../storage/first-after.ts';
import { repositoriesPath } from '../storage/layout.ts';

/** Directories listed ahead while one is waited for. */
const lookAhead = 16;
/** Entries asked of storage at once. */
const listPageEntries = 1000;
/** A walk that needs not wait lets others on after so long. The clock is read once for so many lists. */
const maxTurnMs = 0.25;
const listsPerReading = 16;
const nameStart = repositoriesPath.length + 1;

type Listing = Promise<readonly ListEntry[]>;

/** A directory between the root of all repositories and where the walk is. */
interface Level {
  readonly path: string;
  /** What is known of its list, from `index` on still to be walked. */
  entries: readonly ListEntry[];
  index: number;
  /** False: what follows `after` is still to be listed. */
  isListed: boolean;
  after: string | undefined;
  /** Lists of children that were asked for before their turn, by path. Most levels need none. */
  ahead: Map<string, Listing> | undefined;
  /** Entries before this one have been asked for, where that was needed. */
  aheadTo: number;
}

export interface WalkOptions {
  /** The directory that makes its parent one of those looked for. */
  readonly mark: string;
  /** Components to descend by, then the one to go on after. */
  readonly place?: readonly string[];
  /** By `performance.now()`: what was found since then by others need not be looked at again. */
  readonly sinceMs?: number;
}

export class RepositoryWalk {
  readonly #driver: StorageDriver;
  readonly #mark: string;
  readonly #sinceMs: number | undefined;
  /** From the root of all repositories down. */
  readonly #levels: Level[] = [];
  #listed = 0;
  #turnEndsAtMs: number = performance.now() + maxTurnMs;

  constructor(driver: StorageDriver, { mark, place = [], sinceMs }: WalkOptions) {
    this.#driver = driver;
    this.#mark = mark;
    this.#sinceMs = sinceMs;
    let path: string = repositoriesPath;
    for (const component of place) {
      this.#levels.push(levelAt(path, component));
      path += `/${component}`;
    }
    if (place.length === 0) {
      this.#levels.push(levelAt(path));
    }
  }

  /** The next repository; a promise: go on after it; `undefined`: that was all. */
  step(): RepositoryName | Promise<void> | undefined {
    for (;;) {
      const level = this.#levels.at(-1);
      if (level === undefined) {
        return undefined;
      }
      const entry = level.entries[level.index];
      if (entry !== undefined) {
        level.index += 1;
        const repository = this.#pass(level, entry);
        if (repository !== undefined) {
          return repository;
        }
      } else if (level.isListed) {
        this.#levels.pop();
      } else {
        const waiting = this.#list(level);
        if (waiting !== undefined) {
          return waiting;
        }
      }
    }
  }

  #pass(level: Level, entry: ListEntry): RepositoryName | undefined {
    if (entry.name === this.#mark) {
      return entry.isDirectory ? tryParseRepositoryName(level.path.slice(nameStart)) : undefined;
    }
    if (isEntered(entry)) {
      this.#levels.push(levelAt(pathOf(level, entry)));
    }
    return undefined;
  }

  /** Lists what is still to be walked of a directory; nothing to wait for when storage knows. */
  #list(level: Level): Promise<void> | undefined {
    if (this.#isTurnOver()) {
      return this.#nextTurn();
    }
    const parent = this.#levels.at(-2);
    const ahead = parent?.ahead?.get(level.path);
    const known =
      ahead === undefined ? this.#driver.listNow?.(level.path, this.#sinceMs) : undefined;
    if (known === undefined) {
      return this.#listLater(level, parent, ahead);
    }
    level.entries = known;
    level.index = level.after === undefined ? 0 : firstAfter(known, level.after);
    level.aheadTo = 0;
    level.isListed = true;
    return undefined;
  }

  #isTurnOver(): boolean {
    this.#listed += 1;
    return this.#listed % listsPerReading === 0 && performance.now() > this.#turnEndsAtMs;
  }

  async #nextTurn(): Promise<void> {
    await setImmediate();
    this.#turnEndsAtMs = performance.now() + maxTurnMs;
  }

  async #listLater(
    level: Level,
    parent: Level | undefined,
    ahead: Listing | undefined,
  ): Promise<void> {
    const listing = ahead ?? this.#ask(level.path, level.after);
    if (parent !== undefined) {
      parent.ahead?.delete(level.path);
      this.#lookAhead(parent);
    }
    const entries = await listing;
    level.entries = entries;
    level.index = 0;
    level.aheadTo = 0;
    level.isListed = entries.length < listPageEntries;
    level.after = entries.at(-1)?.name;
  }

  #lookAhead(level: Level): void {
    level.ahead ??= new Map();
    const { entries, index, ahead } = level;
    const to = index + lookAhead - 1;
    for (const entry of entries.slice(Math.max(index, level.aheadTo), to)) {
      const path = pathOf(level, entry);
      if (isEntered(entry) && this.#driver.listNow?.(path, this.#sinceMs) === undefined) {
        const listing = this.#ask(path, undefined);
        // A failure surfaces where the list is awaited; a page that ends earlier does not need it.
        listing.catch(() => {});
        ahead.set(path, listing);
      }
    }
    level.aheadTo = to;
  }

  async #ask(path: string, after: string | undefined): Promise<readonly ListEntry[]> {
    const entries = await this.#driver.list(path, {
      limit: listPageEntries,
      ...(after === undefined ? {} : { after }),
    });
    return entries ?? [];
  }
}

function levelAt(path: string, after?: string): Level {
  return { path, entries: [], index: 0, isListed: false, after, ahead: undefined, aheadTo: 0 };
}

/** Whether repositories may lie below: names with `_` are what a repository consists of. */
function isEntered({ isDirectory, name }: ListEntry): boolean {
  return isDirectory && !name.startsWith('_');
}

function pathOf({ path }: Level, { name }: ListEntry): string {
  return `${path}/${name}`;
}
