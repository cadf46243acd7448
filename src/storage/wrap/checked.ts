/**
 * The outermost wrapper of every driver: refuses bad paths and offsets before the driver is called, hides names that
 * no path could reach, and turns anything a driver lets slip into a `DriverError`.
 */

import type { ByteSource } from '../../bytes.ts';
import { isAbort } from '../../errors.ts';
import {
  DriverCode,
  DriverError,
  type Durability,
  type FileWriter,
  type ListEntry,
  type ListNow,
  type ListOptions,
  listNowOf,
  type StorageDriver,
  type WriteStep,
} from '../driver.ts';
import { type Around, sourceWith, writerWith } from './streams.ts';

const component: RegExp = /^[A-Za-z0-9._-]+$/;
const wholePath: RegExp = /^(?:\/[A-Za-z0-9._-]+)+$/;
const dots: RegExp = /\/\.\.?(?:\/|$)/;

/** Whether `path` names a file or directory below the root: components of `[A-Za-z0-9._-]+`, none `.` or `..`. */
export function isValidPath(path: string): boolean {
  return wholePath.test(path) && !dots.test(path);
}

export function checked(driver: StorageDriver): StorageDriver {
  return new Checked(driver);
}

class Checked implements StorageDriver {
  readonly name: string;
  readonly abilities: StorageDriver['abilities'];
  readonly purgeUploads?: NonNullable<StorageDriver['purgeUploads']>;
  readonly syncUpload?: (path: string) => Promise<void>;
  readonly openReplacement?: (path: string) => Promise<FileWriter>;
  readonly listNow?: ListNow;
  readonly #driver: StorageDriver;
  readonly #translated: Around;
  readonly #seen: WeakSet<readonly ListEntry[]> = new WeakSet();

  constructor(driver: StorageDriver) {
    this.#driver = driver;
    this.name = driver.name;
    this.abilities = driver.abilities;
    this.#translated = (work) => translate(driver.name, work);
    const listNow = listNowOf(driver);
    if (listNow !== undefined) {
      // Paths need no check: it tells only of what was listed before.
      this.listNow = listNow;
    }
    const sync = driver.syncUpload?.bind(driver);
    if (sync !== undefined) {
      this.syncUpload = (path): Promise<void> => this.#call(() => sync(path), path);
    }
    const replace = driver.openReplacement?.bind(driver);
    if (replace !== undefined) {
      this.openReplacement = async (path): Promise<FileWriter> =>
        writerWith(await this.#call(() => replace(path), path), this.#translated);
    }
    const purge = driver.purgeUploads?.bind(driver);
    if (purge !== undefined) {
      this.purgeUploads = (prefix, olderThanMs, options): Promise<number> =>
        this.#call(() => purge(prefix, olderThanMs, options), prefix === '/' ? undefined : prefix);
    }
  }

  get(path: string): Promise<Buffer> {
    return this.#call(() => this.#driver.get(path), path);
  }

  put(path: string, content: Uint8Array | string, options?: Durability): Promise<void> {
    return this.#call(() => this.#driver.put(path, content, options), path);
  }

  apply(steps: readonly WriteStep[]): Promise<void> {
    return this.#translated(() => {
      for (const step of steps) {
        for (const path of step.kind === 'put' ? [step.path] : [step.from, step.to]) {
          this.#assertPath(path);
        }
      }
      return this.#driver.apply(steps);
    });
  }

  async open(
    path: string,
    options: { offset?: number; endOffset?: number; signal?: AbortSignal } = {},
  ): Promise<ByteSource> {
    const source = await this.#call(() => {
      this.#assertOffset(path, options.offset ?? 0);
      this.#assertOffset(path, options.endOffset ?? 0);
      return this.#driver.open(path, options);
    }, path);
    return sourceWith(source, this.#translated);
  }

  stat(
    path: string,
    options?: { signal?: AbortSignal },
  ): Promise<Awaited<ReturnType<StorageDriver['stat']>>> {
    return this.#call(() => this.#driver.stat(path, options), path === '/' ? undefined : path);
  }

  list(path: string, options: ListOptions = {}): Promise<readonly ListEntry[] | undefined> {
    return this.#call(() => this.#listReachable(path, options), path === '/' ? undefined : path);
  }

  move(from: string, to: string): Promise<void> {
    return this.#call(() => {
      this.#assertPath(to);
      return this.#driver.move(from, to);
    }, from);
  }

  delete(path: string, options?: Durability): Promise<void> {
    return this.#call(() => this.#driver.delete(path, options), path);
  }

  async openWriter(path: string, options: { append: boolean }): Promise<FileWriter> {
    const writer = await this.#call(() => this.#driver.openWriter(path, options), path);
    return writerWith(writer, this.#translated);
  }

  uploadSizeBytes(path: string): Promise<number | undefined> {
    return this.#call(() => this.#driver.uploadSizeBytes(path), path);
  }

  redirectUrl(
    path: string,
    request: Parameters<StorageDriver['redirectUrl']>[1],
  ): Promise<string | undefined> {
    return this.#call(() => this.#driver.redirectUrl(path, request), path);
  }

  close(): Promise<void> {
    return this.#driver.close();
  }

  /**
   * Names that an operator or a file system put there (`lost+found`) are left out. A page cut short by that is filled
   * up, since a short page means the end.
   */
  async #listReachable(
    path: string,
    options: ListOptions,
  ): Promise<readonly ListEntry[] | undefined> {
    if (options.limit === undefined) {
      return this.#allReachable(await this.#driver.list(path, options));
    }
    const found: ListEntry[] = [];
    let after = options.after;
    for (;;) {
      const missing = options.limit - found.length;
      const page = await this.#driver.list(path, {
        limit: missing,
        ...(after !== undefined && { after }),
      });
      if (page === undefined) {
        return undefined;
      }
      found.push(...page.filter((entry) => isReachable(entry.name)));
      after = page.at(-1)?.name;
      if (page.length < missing || found.length === options.limit) {
        return found;
      }
    }
  }

  /** A list that was looked at before, and that the driver kept, is passed on as it is. */
  #allReachable(page: readonly ListEntry[] | undefined): readonly ListEntry[] | undefined {
    if (page === undefined || this.#seen.has(page)) {
      return page;
    }
    if (page.every((entry) => isReachable(entry.name))) {
      this.#seen.add(page);
      return page;
    }
    return page.filter((entry) => isReachable(entry.name));
  }

  #call<T>(work: () => Promise<T>, path: string | undefined): Promise<T> {
    return this.#translated(() => {
      if (path !== undefined) {
        this.#assertPath(path);
      }
      return work();
    });
  }

  #assertPath(path: string): void {
    if (!isValidPath(path)) {
      throw new DriverError(this.name, DriverCode.invalidPath, `invalid path: ${path}`, {
        detail: { path },
      });
    }
  }

  #assertOffset(path: string, offset: number): void {
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new DriverError(
        this.name,
        DriverCode.invalidOffset,
        `invalid offset: ${offset} for path: ${path}`,
        { detail: { path, offset } },
      );
    }
  }
}

/** Whether a path can have this component. */
export function isReachable(name: string): boolean {
  return component.test(name) && name !== '.' && name !== '..';
}

/** Aborts pass, and so do programmer errors; the rest is the driver's failure. */
async function translate<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DriverError || error instanceof TypeError || isAbort(error)) {
      throw error;
    }
    const text = error instanceof Error ? error.message : String(error);
    throw new DriverError(name, DriverCode.failed, text, { cause: error });
  }
}
