/** Wraps the streams that a driver hands out, so that each wrapper writes only what it adds to one operation. */

import type { ByteSource } from '../../bytes.ts';
import type { FileWriter } from '../driver.ts';

/** Runs one operation with something around it: a gate, a translation of errors. */
export type Around = <T>(work: () => Promise<T>) => Promise<T>;

export function sourceWith(source: ByteSource, around: Around): ByteSource {
  return {
    read: () => around(() => source.read()),
    cancel: (reason?: unknown) => source.cancel(reason),
    release: () => source.release?.(),
  };
}

export function writerWith(writer: FileWriter, around: Around): FileWriter {
  return new WriterWith(writer, around);
}

/** A class: an object literal with a getter gets a hidden class of its own each time, which piles up as garbage. */
class WriterWith implements FileWriter {
  readonly commitTo?: (path: string) => Promise<void>;
  readonly closeWith?: (name: string, content: string) => Promise<void>;
  readonly #writer: FileWriter;
  readonly #around: Around;

  constructor(writer: FileWriter, around: Around) {
    this.#writer = writer;
    this.#around = around;
    const commitTo = writer.commitTo?.bind(writer);
    if (commitTo !== undefined) {
      this.commitTo = (path): Promise<void> => around(() => commitTo(path));
    }
    const closeWith = writer.closeWith?.bind(writer);
    if (closeWith !== undefined) {
      this.closeWith = (name, content): Promise<void> => around(() => closeWith(name, content));
    }
  }

  get sizeBytes(): number {
    return this.#writer.sizeBytes;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#around(() => this.#writer.write(bytes));
  }

  close(): Promise<void> {
    return this.#around(() => this.#writer.close());
  }

  commit(): Promise<void> {
    return this.#around(() => this.#writer.commit());
  }

  cancel(): Promise<void> {
    return this.#around(() => this.#writer.cancel());
  }
}
