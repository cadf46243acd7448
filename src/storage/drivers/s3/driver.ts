/**
 * The `s3` (`s3aws`) driver: paths in, DriverErrors out, each call handed to the file that knows how. Instances share
 * nothing but the bucket, so that worker threads make their own from the same options (settings.ts, `toPortable`).
 */

import type { S3Client } from '@aws-sdk/client-s3';
import { type ByteSource, bytesSource } from '../../../bytes.ts';
import { type Logger, silentLogger } from '../../../observe/logger.ts';
import {
  applyInOrder,
  type DriverAbilities,
  type FileFacts,
  type FileWriter,
  type ListEntry,
  type ListOptions,
  PathNotFoundError,
  type PurgeOptions,
  type RedirectRequest,
  type StorageDriver,
  type WriteStep,
} from '../../driver.ts';
import { createClients, createSigningClient, type Patience } from './client.ts';
import { copyObject } from './copy.ts';
import { failureOf, toDriverError } from './errors.ts';
import { createKeys, type Keys } from './keys.ts';
import { hasKeys, listChildren } from './listing.ts';
import { type ObjectFacts, ObjectStore } from './object-store.ts';
import type { S3Options } from './options.ts';
import { PartBuffers } from './part-buffers.ts';
import { signUrl } from './presign.ts';
import { probe } from './probe.ts';
import { openReader } from './reader.ts';
import { Remover } from './removal.ts';
import { freshStart, resumeUpload, uploadSize } from './resume.ts';
import { driverName, minPartBytes, type S3Settings } from './settings.ts';
import { UploadStates } from './upload-state.ts';
import { validate } from './validate.ts';
import { MultipartWriter, type WriterTools } from './writer.ts';

export interface S3DriverTools {
  readonly logger?: Logger;
  /** Ask the bucket once before anything else. Off in workers: the main thread has asked. Default true. */
  readonly probe?: boolean;
  readonly patience?: Patience;
}

/** @throws DriverError with one line that says which option, or what at the service, is wrong */
export async function createS3Driver(
  options: S3Options,
  tools: S3DriverTools = {},
): Promise<StorageDriver> {
  const logger = tools.logger ?? silentLogger;
  const { settings, warnings } = validate(options);
  const { calls, ...others } = createClients(settings, logger, tools.patience);
  const store = new ObjectStore(calls, settings, others);
  if (tools.probe !== false) {
    for (const warning of warnings) {
      logger.warn(warning);
    }
    await probe(store, logger);
  }
  return new S3Driver(store, createSigningClient(settings));
}

export class S3Driver implements StorageDriver {
  readonly name: string = driverName;
  readonly abilities: DriverAbilities = {
    sharedAcrossThreads: true,
    // Shorter chunks are kept as a tail and rewritten by each chunk: allowed, but dear.
    minChunkBytes: minPartBytes,
    readsUncommitted: false,
    redirects: true,
    renamesFolders: false,
  };
  readonly #store: ObjectStore;
  readonly #signer: S3Client;
  readonly #keys: Keys;
  readonly #tools: WriterTools;
  readonly #remover: Remover;

  constructor(store: ObjectStore, signer: S3Client) {
    this.#store = store;
    this.#signer = signer;
    this.#keys = createKeys(store.settings.root);
    const states = new UploadStates(store);
    this.#tools = { store, states, buffers: new PartBuffers(), keys: this.#keys };
    this.#remover = new Remover(store, states);
  }

  get settings(): S3Settings {
    return this.#store.settings;
  }

  async get(path: string): Promise<Buffer> {
    const content = await this.#call('get', path, (key) => this.#store.tryGet(key));
    if (content === undefined) {
      throw new PathNotFoundError(driverName, path);
    }
    return content;
  }

  put(path: string, content: Uint8Array | string): Promise<void> {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    return this.#call('put', path, async (key) => {
      await this.#store.put(key, bytes);
    });
  }

  apply(steps: readonly WriteStep[]): Promise<void> {
    return applyInOrder(this, steps);
  }

  async open(
    path: string,
    options: { offset?: number; endOffset?: number; signal?: AbortSignal } = {},
  ): Promise<ByteSource> {
    const { offset = 0, endOffset, signal } = options;
    if (endOffset !== undefined && endOffset <= offset) {
      await this.#facts(path);
      return bytesSource(new Uint8Array());
    }
    return openReader(this.#store, this.#keys.of(path), path, {
      offset,
      ...(endOffset !== undefined && { endOffset }),
      ...(signal && { signal }),
    });
  }

  stat(path: string, options: { signal?: AbortSignal } = {}): Promise<FileFacts | undefined> {
    const { signal } = options;
    return this.#call('stat', path, async (key) => {
      const isRoot = path === '/';
      const facts = isRoot ? undefined : await this.#tryHead(key, signal);
      if (facts !== undefined) {
        const { sizeBytes, modifiedAtMs } = facts;
        return { isDirectory: false, sizeBytes, modifiedAtMs };
      }
      // The root exists whatever is there, and yet S3 is asked: health checks want to know whether it answers.
      const hasChildren = await hasKeys(this.#store, this.#keys.below(path), signal);
      return hasChildren || isRoot
        ? { isDirectory: true, sizeBytes: 0, modifiedAtMs: 0 }
        : undefined;
    });
  }

  list(path: string, options?: ListOptions): Promise<readonly ListEntry[] | undefined> {
    return this.#call('list', path, async () => {
      const children = await listChildren(this.#store, this.#keys.below(path), options);
      return children ?? (path === '/' ? [] : undefined);
    });
  }

  async move(from: string, to: string): Promise<void> {
    const facts = await this.#facts(from);
    const source = this.#keys.of(from);
    await this.#call('move', from, async () => {
      await copyObject(this.#store, source, this.#keys.of(to), facts.sizeBytes);
      await this.#store.deleteOne(source);
    });
  }

  async delete(path: string): Promise<void> {
    if (!(await this.#call('delete', path, (key) => this.#remover.removeTree(key)))) {
      throw new PathNotFoundError(driverName, path);
    }
  }

  openWriter(path: string, options: { append: boolean }): Promise<FileWriter> {
    return this.#call('open writer at', path, async (key) => {
      const { store, states } = this.#tools;
      const start = options.append
        ? await resumeUpload(store, states, key, path)
        : { ...freshStart(store), hasStoredState: states.mayExist(key) };
      return new MultipartWriter(this.#tools, { key, path }, start);
    });
  }

  /** A multipart upload of its own at the very key, without a state object: S3 shows nothing of it until it is complete. */
  async openReplacement(path: string): Promise<FileWriter> {
    const writer = new MultipartWriter(
      this.#tools,
      { key: this.#keys.of(path), path },
      freshStart(this.#store),
    );
    return {
      get sizeBytes(): number {
        return writer.sizeBytes;
      },
      write: (bytes) => writer.write(bytes),
      commit: () => writer.commit(),
      close: () => writer.cancel(),
      cancel: () => writer.cancel(),
    };
  }

  uploadSizeBytes(path: string): Promise<number | undefined> {
    return this.#call('stat upload', path, (key) =>
      uploadSize(this.#store, this.#tools.states, key),
    );
  }

  redirectUrl(path: string, request: RedirectRequest): Promise<string | undefined> {
    return this.#call('sign an URL for', path, (key) =>
      signUrl(this.#signer, this.#store.bucket, key, request.method),
    );
  }

  /** @param olderThanMs  Time since the epoch: uploads begun before it are aborted. */
  purgeUploads(prefix: string, olderThanMs: number, options?: PurgeOptions): Promise<number> {
    return this.#call('purge uploads below', prefix, () =>
      this.#remover.purgeUploads(this.#keys.below(prefix), olderThanMs, options?.dryRun),
    );
  }

  close(): Promise<void> {
    this.#store.destroy();
    this.#signer.destroy();
    return Promise.resolve();
  }

  async #facts(path: string): Promise<ObjectFacts> {
    const facts = await this.#call('stat', path, (key) => this.#store.tryHead(key));
    if (facts === undefined) {
      throw new PathNotFoundError(driverName, path);
    }
    return facts;
  }

  /** Credentials without s3:ListBucket see 403 for a missing key; the list that follows then tells the real reason. */
  async #tryHead(key: string, signal?: AbortSignal): Promise<ObjectFacts | undefined> {
    try {
      return await this.#store.tryHead(key, signal);
    } catch (error) {
      if (failureOf(error).status === 403) {
        return undefined;
      }
      throw error;
    }
  }

  async #call<T>(action: string, path: string, step: (key: string) => Promise<T>): Promise<T> {
    try {
      return await step(this.#keys.of(path));
    } catch (error) {
      throw toDriverError(error, action, path);
    }
  }
}
