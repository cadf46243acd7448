/**
 * The `filesystem` driver: one file per path below the root directory, the tree byte for byte Distribution's.
 * Made by `createFilesystemDriver`, on the main thread and on workers alike; no state is shared but the files.
 */

import { dirname, resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type { ByteSource } from '../../../bytes.ts';
import type {
  DriverAbilities,
  Durability,
  FileFacts,
  FileWriter,
  ListEntry,
  ListOptions,
  PurgeOptions,
  StorageDriver,
  WriteStep,
} from '../../driver.ts';
import { Gate } from '../../wrap/gate.ts';
import { limited } from '../../wrap/limited.ts';
import { applySteps, putHint } from './apply.ts';
import { Directories } from './directories.ts';
import { noteRoot, statFile } from './file-calls.ts';
import { driverName, errnoOf, toDriverError, translating } from './file-error.ts';
import { Glances } from './glances.ts';
import { listDirectory } from './list.ts';
import { ListingCache } from './listing-cache.ts';
import { OpenUploads } from './open-uploads.ts';
import type { FilesystemParameters } from './options.ts';
import type { ApplyParts } from './prepared-step.ts';
import { openReader } from './reader.ts';
import { removeTree } from './remove.ts';
import { type SmallFile, SmallFileCache } from './small-file-cache.ts';
import { removeStaleTemps } from './stale-temps.ts';
import { syncUpload } from './unsynced-uploads.ts';
import { openFileWriter } from './writer.ts';

/** The driver with `maxthreads` in front of it: this thread's share of what the configuration says (thread-shares.ts). */
export function createFilesystemDriver(options: FilesystemParameters): StorageDriver {
  const gate = new Gate(driverName, Math.max(1, options.maxthreads));
  return limited(new FilesystemDriver(options), gate);
}

class FilesystemDriver implements StorageDriver {
  readonly name: string = driverName;
  readonly abilities: DriverAbilities = {
    sharedAcrossThreads: true,
    minChunkBytes: 0,
    readsUncommitted: true,
    redirects: false,
    renamesFolders: true,
  };
  readonly #root: string;
  readonly #directories: Directories;
  readonly #applyParts: ApplyParts;
  readonly #smallFiles: SmallFileCache = new SmallFileCache();
  readonly #listings: ListingCache;
  readonly glances?: Glances;
  readonly openUploads?: OpenUploads;
  /** Only where chunks are not synced one by one. */
  readonly syncUpload?: (path: string) => Promise<void>;

  constructor({ rootdirectory, chunksync, dirsync }: FilesystemParameters) {
    const root = resolve(rootdirectory);
    const syncsChunks = chunksync !== 'commit';
    this.#root = root === '/' ? '' : root;
    this.#directories = new Directories({ isSynced: dirsync !== 'none' });
    this.#applyParts = {
      directories: this.#directories,
      takesFolders: syncsChunks,
      toFile: (path: string) => this.#toFile(path),
    };
    noteRoot(root);
    if (isMainThread) {
      // A worker may wait for a disk, and its calls are made here and now anyway.
      const glances = new Glances(root);
      this.glances = glances;
      this.openUploads = new OpenUploads(this.#root, glances, syncsChunks);
      this.#listings = glances.listings;
    } else {
      this.#listings = new ListingCache();
    }
    if (!syncsChunks) {
      this.syncUpload = (path): Promise<void> => translating(path, syncUpload(this.#toFile(path)));
    }
  }

  get(path: string): Promise<Buffer> {
    return translating(path, this.#smallFiles.get(this.#toFile(path)));
  }

  getMarked(path: string): Promise<SmallFile> {
    return translating(path, this.#smallFiles.getMarked(this.#toFile(path)));
  }

  async put(path: string, content: Uint8Array | string, options: Durability = {}): Promise<void> {
    if (options.durable !== false) {
      await this.apply([{ kind: 'put', path, content }]);
      return;
    }
    try {
      putHint(this.#directories, this.#toFile(path), content);
    } catch (error) {
      throw toDriverError(error, path);
    }
  }

  async apply(steps: readonly WriteStep[]): Promise<void> {
    await applySteps(this.#applyParts, steps);
  }

  open(
    path: string,
    options: { offset?: number; endOffset?: number; signal?: AbortSignal } = {},
  ): Promise<ByteSource> {
    const { offset = 0, endOffset, signal } = options;
    return translating(path, openReader(this.#toFile(path), path, { offset, endOffset, signal }));
  }

  async stat(path: string): Promise<FileFacts | undefined> {
    try {
      const facts = await statFile(this.#toFile(path));
      const isDirectory = facts.isDirectory();
      return {
        isDirectory,
        sizeBytes: isDirectory ? 0 : facts.size,
        modifiedAtMs: facts.mtimeMs,
      };
    } catch (error) {
      if (!isMissing(error)) {
        throw toDriverError(error, path);
      }
      return path === '/' ? { isDirectory: true, sizeBytes: 0, modifiedAtMs: 0 } : undefined;
    }
  }

  async list(path: string, options: ListOptions = {}): Promise<readonly ListEntry[] | undefined> {
    try {
      return await listDirectory(this.#toFile(path), options, this.#listings);
    } catch (error) {
      if (!isMissing(error)) {
        throw toDriverError(error, path);
      }
      return path === '/' ? [] : undefined;
    }
  }

  move(from: string, to: string): Promise<void> {
    return this.apply([{ kind: 'move', from, to }]);
  }

  async delete(path: string, options: Durability = {}): Promise<void> {
    const file = this.#toFile(path);
    await translating(path, this.#remove(file, options.durable !== false));
  }

  openWriter(path: string, options: { append: boolean }): Promise<FileWriter> {
    const target = { file: this.#toFile(path), path, syncsAtClose: this.syncUpload === undefined };
    return translating(path, openFileWriter(target, this.#directories, options.append));
  }

  async uploadSizeBytes(path: string): Promise<number | undefined> {
    const facts = await this.stat(path);
    return facts === undefined || facts.isDirectory ? undefined : facts.sizeBytes;
  }

  redirectUrl(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  /** Temp files of writers that died are this driver's leftovers. */
  purgeUploads(prefix: string, olderThanMs: number, options?: PurgeOptions): Promise<number> {
    const folder = this.#toFile(prefix);
    return translating(prefix, removeStaleTemps(folder, olderThanMs, options?.dryRun));
  }

  close(): Promise<void> {
    this.openUploads?.close();
    return Promise.resolve();
  }

  async #remove(file: string, isDurable: boolean): Promise<void> {
    await removeTree(file);
    this.#smallFiles.forget(file);
    this.#directories.forget(file);
    if (isDurable) {
      await this.#directories.sync([dirname(file)]);
    }
  }

  #toFile(path: string): string {
    return path === '/' ? this.#root || '/' : this.#root + path;
  }
}

function isMissing(error: unknown): boolean {
  return errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR';
}
