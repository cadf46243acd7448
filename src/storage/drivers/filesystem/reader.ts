/**
 * A file as a `ByteSource`: one buffer per reader, filled again for each piece, and one file handle, closed as soon as
 * the last byte is read or the reader gives up.
 */

import type { ByteSource } from '../../../bytes.ts';
import { ClientGoneError } from '../../../errors.ts';
import { closeFile, openFile, openFlags, readAt, statOpened } from './file-calls.ts';
import { fileError, toDriverError } from './file-error.ts';

/** One read call; also all the memory that a slow reader holds. */
const pieceBytes = 256 * 1024;
/** For ranges and blobs that fit. */
const smallPieceBytes = 64 * 1024;
/**
 * Buffers of each size that wait for the next reader. V8 counts all that is made since its last full collection: a new
 * buffer for each range of 64 KiB made the main thread collect ten times a second.
 */
const maxSpares = 16;

const spares: Record<'large' | 'small', Buffer[]> = { large: [], small: [] };

/** A buffer of at least `wantedBytes`, which are at most `pieceBytes`. */
function takeBuffer(wantedBytes: number): Buffer {
  return wantedBytes <= smallPieceBytes
    ? (spares.small.pop() ?? Buffer.allocUnsafeSlow(smallPieceBytes))
    : (spares.large.pop() ?? Buffer.allocUnsafeSlow(pieceBytes));
}

function giveBuffer(buffer: Buffer): void {
  const alike = buffer.length === pieceBytes ? spares.large : spares.small;
  if (alike.length < maxSpares) {
    alike.push(buffer);
  }
}

export interface ReadRange {
  readonly offset: number;
  /** Exclusive. Without it the size at the time of opening is asked for, which is one more call. */
  readonly endOffset: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Opens `file`; `path` is its name in errors. @throws PathNotFoundError, also for a directory */
export async function openReader(
  file: string,
  path: string,
  range: ReadRange,
): Promise<ByteSource> {
  range.signal?.throwIfAborted();
  const fd = await openFile(file, openFlags.read);
  try {
    const endOffset = range.endOffset ?? (await sizeOf(fd));
    range.signal?.throwIfAborted();
    return new FileReader(fd, path, { ...range, endOffset });
  } catch (error) {
    closeFile(fd);
    throw error;
  }
}

async function sizeOf(fd: number): Promise<number> {
  const facts = await statOpened(fd);
  if (facts.isDirectory()) {
    throw fileError('EISDIR', 'read');
  }
  return facts.size;
}

class FileReader implements ByteSource {
  readonly #path: string;
  readonly #endOffset: number;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: () => void;
  /** `undefined` once closed. */
  #fd: number | undefined;
  #position: number;
  #buffer: Buffer | undefined;
  #isReading = false;
  #failure: { readonly reason: unknown } | undefined;

  constructor(fd: number, path: string, range: ReadRange & { endOffset: number }) {
    this.#fd = fd;
    this.#path = path;
    this.#position = range.offset;
    this.#endOffset = range.endOffset;
    this.#signal = range.signal;
    this.#onAbort = (): void => this.cancel(this.#signal?.reason);
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (this.#position >= this.#endOffset) {
      this.#close();
    }
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#failure !== undefined) {
      throw this.#failure.reason;
    }
    if (this.#fd === undefined) {
      return undefined;
    }
    if (this.#isReading) {
      throw new TypeError('overlapping reads of one source');
    }
    this.#isReading = true;
    try {
      return await this.#fill(this.#fd);
    } catch (error) {
      this.#failure ??= { reason: toDriverError(error, this.#path) };
      throw this.#failure.reason;
    } finally {
      this.#isReading = false;
      if (this.#failure !== undefined) {
        this.#close();
      }
    }
  }

  cancel(reason?: unknown): void {
    if (this.#fd === undefined) {
      return;
    }
    this.#failure ??= { reason: reason ?? new ClientGoneError('reading was cancelled') };
    // The kernel may still be filling the buffer, and a closed handle's number is given out again: read() closes then.
    if (!this.#isReading) {
      this.#close();
    }
  }

  release(): void {
    const buffer = this.#buffer;
    if (buffer !== undefined && this.#fd === undefined && this.#failure === undefined) {
      this.#buffer = undefined;
      giveBuffer(buffer);
    }
  }

  async #fill(fd: number): Promise<Uint8Array | undefined> {
    const wanted = Math.min(pieceBytes, this.#endOffset - this.#position);
    this.#buffer ??= takeBuffer(wanted);
    const count = await readAt(fd, this.#buffer, wanted, this.#position);
    if (this.#failure !== undefined) {
      throw this.#failure.reason;
    }
    const piece = this.#buffer.subarray(0, count);
    this.#position += count;
    if (count === 0 || this.#position >= this.#endOffset) {
      this.#close();
    }
    return count === 0 ? undefined : piece;
  }

  #close(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    if (this.#fd !== undefined) {
      closeFile(this.#fd);
      this.#fd = undefined;
    }
  }
}
