/** Reader and writer of the in-memory driver. */

import type { ByteSource } from '../../../bytes.ts';
import { ClientGoneError } from '../../../errors.ts';
import type { FileWriter } from '../../driver.ts';
import type { MemoryFile } from './tree.ts';

/** Small writes are gathered in buffers of this size. */
const gatherBytes = 64 * 1024;
/** Readers get no more than this at a time, as from other drivers. */
const pieceBytes = 256 * 1024;

/** Reads from the pieces as they were when it was made. */
export class MemoryReader implements ByteSource {
  readonly #pieces: readonly Buffer[];
  readonly #signal: AbortSignal | undefined;
  #index = 0;
  /** Bytes of the current piece, and of those after it, to pass over. */
  #skipBytes: number;
  #leftBytes: number;
  #failure: { readonly reason: unknown } | undefined;

  constructor(file: MemoryFile, offset: number, endOffset: number, signal?: AbortSignal) {
    this.#pieces = [...file.pieces];
    this.#skipBytes = offset;
    this.#leftBytes = Math.min(endOffset, file.sizeBytes) - offset;
    this.#signal = signal;
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#signal?.aborted) {
      this.cancel(this.#signal.reason);
    }
    if (this.#failure !== undefined) {
      throw this.#failure.reason;
    }
    while (this.#leftBytes > 0) {
      const piece = this.#pieces[this.#index];
      if (piece === undefined) {
        return undefined;
      }
      if (piece.length > this.#skipBytes) {
        const partBytes = Math.min(pieceBytes, this.#leftBytes);
        const part = piece.subarray(this.#skipBytes, this.#skipBytes + partBytes);
        this.#skipBytes += part.length;
        this.#leftBytes -= part.length;
        return part;
      }
      this.#skipBytes -= piece.length;
      this.#index += 1;
    }
    return undefined;
  }

  cancel(reason?: unknown): void {
    if (this.#leftBytes > 0) {
      this.#failure ??= { reason: reason ?? new ClientGoneError('reading was cancelled') };
    }
    this.#leftBytes = 0;
  }
}

type State = 'open' | 'closed' | 'committed' | 'cancelled';

/** Gathers bytes and adds them to the file when closed or committed. */
export class MemoryWriter implements FileWriter {
  readonly #file: MemoryFile;
  readonly #now: () => number;
  readonly #remove: () => void;
  readonly #pieces: Buffer[] = [];
  #tail: Buffer = Buffer.alloc(0);
  #tailBytes = 0;
  #sizeBytes: number;
  #state: State = 'open';

  /** `remove` takes the file out of its folder. */
  constructor(file: MemoryFile, now: () => number, remove: () => void) {
    this.#file = file;
    this.#now = now;
    this.#remove = remove;
    this.#sizeBytes = file.sizeBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#assertOpen();
    this.#sizeBytes += bytes.length;
    if (bytes.length >= gatherBytes) {
      this.#endTail();
      this.#pieces.push(Buffer.from(bytes));
      return;
    }
    if (this.#tailBytes + bytes.length > this.#tail.length) {
      this.#endTail();
      this.#tail = Buffer.allocUnsafe(gatherBytes);
    }
    this.#tail.set(bytes, this.#tailBytes);
    this.#tailBytes += bytes.length;
  }

  async close(): Promise<void> {
    this.#flush('closed');
  }

  async commit(): Promise<void> {
    this.#flush('committed');
  }

  async cancel(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'cancelled';
      this.#pieces.length = 0;
      this.#remove();
    }
  }

  #flush(state: 'closed' | 'committed'): void {
    this.#assertOpen();
    this.#state = state;
    this.#endTail();
    this.#file.pieces.push(...this.#pieces);
    this.#file.sizeBytes = this.#sizeBytes;
    this.#file.modifiedAtMs = this.#now();
  }

  #endTail(): void {
    if (this.#tailBytes > 0) {
      this.#pieces.push(this.#tail.subarray(0, this.#tailBytes));
    }
    this.#tail = Buffer.alloc(0);
    this.#tailBytes = 0;
  }

  #assertOpen(): void {
    if (this.#state !== 'open') {
      throw new TypeError(`already ${this.#state}`);
    }
  }
}
