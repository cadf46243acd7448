/**
 * A driver whose short operations run on the storage thread. What streams (open) or walks (list) stays here, where one
 * call more or less does not matter; both see the same files. What was used a moment ago is looked at here (glances.ts).
 */

import type { ByteSource } from '../bytes.ts';
import type { AppendOutcome, AppendRequest } from '../storage/append-upload.ts';
import { type BodySource, type BodyStore, readBody } from '../storage/body-store.ts';
import {
  type Durability,
  type FileFacts,
  type FileMark,
  type FileWriter,
  type ListEntry,
  type ListOptions,
  type OpenUploads,
  PathNotFoundError,
  type RedirectRequest,
  type StorageDriver,
  type WriteStep,
} from '../storage/driver.ts';
import { keepsHash } from '../storage/upload-hash.ts';
import { appendChunk } from './append-chunk.ts';
import type { StorageThread } from './storage-thread.ts';

export function threadedDriver(local: StorageDriver, thread: StorageThread): StorageDriver {
  const { glances, openUploads } = local;
  const purge = local.purgeUploads?.bind(local);
  const call = <T>(...args: Parameters<StorageThread['call']>): Promise<T> =>
    thread.call(...args) as Promise<T>;
  /** A call that changes what is stored. */
  const change = async (...args: Parameters<StorageThread['call']>): Promise<void> => {
    try {
      await thread.call(...args);
    } finally {
      glances?.changed();
    }
  };
  const apply = async (steps: readonly WriteStep[]): Promise<void> => {
    for (const step of steps) {
      if (step.kind !== 'put') {
        openUploads?.forget(step.from);
      }
    }
    await change('apply', [steps]);
    for (const step of steps) {
      glances?.wrote(step.kind === 'put' ? step.path : step.to);
    }
  };
  return {
    name: local.name,
    abilities: local.abilities,
    ...(glances && { glances }),
    async get(path: string): Promise<Buffer> {
      if (glances === undefined) {
        return asBuffer(await call<Uint8Array>('get', [path]));
      }
      const seen = glances.content(path);
      if (seen !== undefined) {
        return Buffer.from(seen);
      }
      if (glances.isMissing(path)) {
        throw new PathNotFoundError(local.name, path);
      }
      const { content, mark } = await call<MarkedContent>('getMarked', [path]);
      const bytes = asBuffer(content);
      if (mark === undefined) {
        glances.saw(path);
      } else {
        glances.keep(path, Buffer.from(bytes), mark);
      }
      return bytes;
    },
    async put(path: string, content: Uint8Array | string, options?: Durability): Promise<void> {
      await change('put', [path, content, options]);
      glances?.wrote(path);
    },
    apply,
    async stat(path: string): Promise<FileFacts | undefined> {
      const seen = glances?.look(path);
      if (seen !== undefined) {
        return seen.facts;
      }
      const facts = await call<FileFacts | undefined>('stat', [path]);
      if (facts?.isDirectory === false) {
        glances?.saw(path);
      }
      return facts;
    },
    delete(path: string, options?: Durability): Promise<void> {
      openUploads?.forget(path);
      return change('delete', [path, options]);
    },
    async uploadSizeBytes(path: string): Promise<number | undefined> {
      const seen = glances?.look(path);
      return seen === undefined ? call('uploadSizeBytes', [path]) : seen.facts?.sizeBytes;
    },
    move: (from: string, to: string): Promise<void> => apply([{ kind: 'move', from, to }]),
    open: (path, options): Promise<ByteSource> => local.open(path, options),
    list: (path: string, options?: ListOptions): Promise<readonly ListEntry[] | undefined> =>
      local.list(path, options),
    openWriter: (path, options): Promise<FileWriter> => local.openWriter(path, options),
    redirectUrl: (path: string, request: RedirectRequest): Promise<string | undefined> =>
      local.redirectUrl(path, request),
    ...(local.syncUpload && { syncUpload: (path) => change('syncUpload', [path]) }),
    ...(purge === undefined ? {} : { purgeUploads: purge }),
    close: () => local.close(),
  };
}

/**
 * Small bodies, stored by the storage thread: one message there and one back. Chunks of an upload that came before are
 * written from here where that is possible (`openUploads`). The hash that goes on from one chunk to the next is kept
 * here in either case, so that each chunk may go either way.
 */
export function threadedBodyStore(
  thread: StorageThread,
  others: BodyStore,
  openUploads?: OpenUploads,
): BodyStore {
  return {
    async append(request: AppendRequest, body: BodySource): Promise<AppendOutcome> {
      const { bytes, failure, giveBack } = await readSmall(body);
      const outcome = keepsHash(request.hash)
        ? await appendChunk({ thread, openUploads, request, bytes, giveBack })
        : await thread.append(request, bytes, giveBack);
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

interface MarkedContent {
  readonly content: Uint8Array;
  readonly mark?: FileMark;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
