/** Wraps the streams that a driver hands out, so that each wrapper writes only what it adds to one operation. */

import type { ByteSource } from '../../bytes.ts';
import type { FileWriter } from '../driver.ts';

/** Runs one operation with something around it: a gate, a translation of errors. */
export type Around = <T>(work: () => Promise<T>) => Promise<T>;

export function sourceWith(source: ByteSource, around: Around): ByteSource {
  return {
    read: () => around(() => source.read()),
    cancel: (reason?: unknown) => source.cancel(reason),
  };
}

export function writerWith(writer: FileWriter, around: Around): FileWriter {
  return {
    get sizeBytes(): number {
      return writer.sizeBytes;
    },
    write: (bytes: Uint8Array) => around(() => writer.write(bytes)),
    close: () => around(() => writer.close()),
    commit: () => around(() => writer.commit()),
    ...(writer.commitTo && {
      commitTo: (path: string) => around(async () => writer.commitTo?.(path)),
    }),
    cancel: () => around(() => writer.cancel()),
  };
}
