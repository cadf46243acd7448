/**
 * A driver whose short operations run on the storage thread. What streams (open) or walks (list) stays here, where one
 * call more or less does not matter; both see the same files.
 */

import type { ByteSource } from '../bytes.ts';
import type { AppendOutcome, AppendRequest } from '../storage/append-upload.ts';
import { type BodySource, type BodyStore, readBody } from '../storage/body-store.ts';
import type {
  Durability,
  FileFacts,
  FileWriter,
  ListEntry,
  ListOptions,
  RedirectRequest,
  StorageDriver,
  WriteStep,
} from '../storage/driver.ts';
import type { StorageThread } from './storage-thread.ts';

export function threadedDriver(local: StorageDriver, thread: StorageThread): StorageDriver {
  const purge = local.purgeUploads?.bind(local);
  const call = <T>(...args: Parameters<StorageThread['call']>): Promise<T> =>
    thread.call(...args) as Promise<T>;
  return {
    name: local.name,
    abilities: local.abilities,
    get: async (path: string): Promise<Buffer> => asBuffer(await call<Uint8Array>('get', [path])),
    put: (path: string, content: Uint8Array | string, options?: Durability): Promise<void> =>
      call('put', [path, content, options]),
    apply: (steps: readonly WriteStep[]): Promise<void> => call('apply', [steps]),
    stat: (path: string): Promise<FileFacts | undefined> => call('stat', [path]),
    delete: (path: string, options?: Durability): Promise<void> => call('delete', [path, options]),
    uploadSizeBytes: (path: string): Promise<number | undefined> => call('uploadSizeBytes', [path]),
    move: (from: string, to: string): Promise<void> =>
      call('apply', [[{ kind: 'move', from, to }]]),
    open: (path, options): Promise<ByteSource> => local.open(path, options),
    list: (path: string, options?: ListOptions): Promise<readonly ListEntry[] | undefined> =>
      local.list(path, options),
    openWriter: (path, options): Promise<FileWriter> => local.openWriter(path, options),
    redirectUrl: (path: string, request: RedirectRequest): Promise<string | undefined> =>
      local.redirectUrl(path, request),
    ...(local.renameFolder === undefined
      ? {}
      : {
          renameFolder: (from: string, to: string): Promise<void> =>
            call('renameFolder', [from, to]),
        }),
    ...(purge === undefined ? {} : { purgeUploads: purge }),
    close: () => local.close(),
  };
}

/** Small bodies, hashed and stored by the storage thread: one message there and one back. */
export function threadedBodyStore(thread: StorageThread, others: BodyStore): BodyStore {
  return {
    async append(request: AppendRequest, body: BodySource): Promise<AppendOutcome> {
      const { bytes, failure, giveBack } = await readSmall(body);
      const outcome = await thread.append(request, bytes, giveBack);
      return failure === undefined ? outcome : { ...outcome, failure };
    },
    put: (request, body) => others.put(request, body),
    publish: (from, to) => others.publish(from, to),
    digestFile: (path, algorithms, bytesPerSecond) =>
      others.digestFile(path, algorithms, bytesPerSecond),
    hashFurther: (request) => others.hashFurther(request),
  };
}

interface SmallBody {
  readonly bytes: Uint8Array;
  readonly failure?: unknown;
  readonly giveBack: (buffer: Uint8Array) => void;
}

/** A body that came in one piece, as small ones do, stays in its buffer; others are joined in one of their own. */
async function readSmall(body: BodySource): Promise<SmallBody> {
  const giveBack = (buffer: Uint8Array): void => body.pool.give(buffer);
  let first: Uint8Array | undefined;
  try {
    first = await body.read();
  } catch (error) {
    return { bytes: new Uint8Array(0), failure: error ?? bodyFailed(), giveBack: () => {} };
  }
  if (first !== undefined && first.length === body.sizeBytes) {
    return { bytes: first, giveBack };
  }
  const head = Buffer.from(first ?? []);
  if (first !== undefined) {
    giveBack(first);
  }
  const { bytes: rest, failure } = await readBody(body);
  const bytes = new Uint8Array(head.length + rest.length);
  bytes.set(head);
  bytes.set(rest, head.length);
  return { bytes, giveBack: () => {}, ...(failure === undefined ? {} : { failure }) };
}

function bodyFailed(): Error {
  return new Error('body failed');
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
