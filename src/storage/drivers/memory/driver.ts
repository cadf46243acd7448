/**
 * The `inmemory` driver: one tree in this process, unbounded and lost at exit. For tests and for trying things out;
 * a real driver under the same contract and the same suite.
 */

import type { ByteSource } from '../../../bytes.ts';
import {
  type DriverAbilities,
  DriverCode,
  DriverError,
  type FileFacts,
  type FileWriter,
  type ListEntry,
  type ListOptions,
  PathNotFoundError,
  type StorageDriver,
  type WriteStep,
} from '../../driver.ts';
import { MemoryReader, MemoryWriter } from './streams.ts';
import {
  find,
  folderFor,
  lastName,
  type MemoryFile,
  type MemoryFolder,
  newFile,
  newFolder,
  parentPath,
} from './tree.ts';

const driverName = 'inmemory';

/** `now` gives modification times; handed in so that tests can turn it. */
export function createMemoryDriver(now: () => number = Date.now): StorageDriver {
  return new MemoryDriver(now);
}

/** Every method works in one turn of the event loop, so none sees another half done. */
class MemoryDriver implements StorageDriver {
  readonly name: string = driverName;
  readonly abilities: DriverAbilities = {
    sharedAcrossThreads: false,
    minChunkBytes: 0,
    readsUncommitted: false,
    redirects: false,
    renamesFolders: false,
  };
  readonly #now: () => number;
  readonly #root: MemoryFolder;

  constructor(now: () => number) {
    this.#now = now;
    this.#root = newFolder(now());
  }

  async get(path: string): Promise<Buffer> {
    return Buffer.concat(this.#file(path).pieces);
  }

  async put(path: string, content: Uint8Array | string): Promise<void> {
    this.#put(path, content);
  }

  async apply(steps: readonly WriteStep[]): Promise<void> {
    for (const step of steps) {
      if (step.kind === 'put') {
        this.#put(step.path, step.content);
      } else if (step.kind === 'recycle') {
        throw new TypeError('folders cannot be renamed here');
      } else if (!(step.keepExisting && find(this.#root, step.to)?.kind === 'file')) {
        this.#move(step.from, step.to);
      }
    }
  }

  async open(
    path: string,
    options: { offset?: number; endOffset?: number; signal?: AbortSignal } = {},
  ): Promise<ByteSource> {
    const { offset = 0, endOffset = Number.POSITIVE_INFINITY, signal } = options;
    signal?.throwIfAborted();
    return new MemoryReader(this.#file(path), offset, endOffset, signal);
  }

  async stat(path: string): Promise<FileFacts | undefined> {
    const node = find(this.#root, path);
    return (
      node && {
        isDirectory: node.kind === 'folder',
        sizeBytes: node.kind === 'file' ? node.sizeBytes : 0,
        modifiedAtMs: node.modifiedAtMs,
      }
    );
  }

  async list(path: string, options: ListOptions = {}): Promise<readonly ListEntry[] | undefined> {
    const node = find(this.#root, path);
    if (node?.kind !== 'folder') {
      return undefined;
    }
    const { after, limit } = options;
    const entries = [...node.children]
      .filter(([name]) => after === undefined || name > after)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, child]) => ({ name, isDirectory: child.kind === 'folder' }));
    return limit === undefined ? entries : entries.slice(0, limit);
  }

  async move(from: string, to: string): Promise<void> {
    this.#move(from, to);
  }

  async delete(path: string): Promise<void> {
    const parent = find(this.#root, parentPath(path));
    if (parent?.kind !== 'folder' || !parent.children.delete(lastName(path))) {
      throw new PathNotFoundError(driverName, path);
    }
  }

  async openWriter(path: string, options: { append: boolean }): Promise<FileWriter> {
    if (!options.append) {
      this.#put(path, '');
    }
    const file = this.#file(path);
    return new MemoryWriter(file, this.#now, () => this.#removeFile(path, file));
  }

  async uploadSizeBytes(path: string): Promise<number | undefined> {
    const node = find(this.#root, path);
    return node?.kind === 'file' ? node.sizeBytes : undefined;
  }

  redirectUrl(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #file(path: string): MemoryFile {
    const node = find(this.#root, path);
    if (node?.kind !== 'file') {
      throw new PathNotFoundError(driverName, path);
    }
    return node;
  }

  #put(path: string, content: Uint8Array | string): void {
    const pieces = content.length === 0 ? [] : [Buffer.from(content as Uint8Array)];
    this.#place(path, newFile(pieces, this.#now()));
  }

  #move(from: string, to: string): void {
    const file = this.#file(from);
    if (from !== to) {
      this.#place(to, file);
      this.#removeFile(from, file);
    }
  }

  #place(path: string, file: MemoryFile): void {
    const folder = folderFor(this.#root, path, this.#now());
    if (folder === undefined) {
      throw new PathNotFoundError(driverName, path);
    }
    if (folder.children.get(lastName(path))?.kind === 'folder') {
      throw new DriverError(driverName, DriverCode.failed, `"${path}" is a directory`, {
        detail: { path },
      });
    }
    folder.children.set(lastName(path), file);
    folder.modifiedAtMs = this.#now();
  }

  /** Only that very file: another may have taken its place. */
  #removeFile(path: string, file: MemoryFile): void {
    const parent = find(this.#root, parentPath(path));
    if (parent?.kind === 'folder' && parent.children.get(lastName(path)) === file) {
      parent.children.delete(lastName(path));
    }
  }
}
