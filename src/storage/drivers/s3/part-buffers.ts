/**
 * Buffers of one part each, handed out to writers and taken back. As many are kept as are in use, since each new
 * 10 MiB brings the garbage collector nearer to a full round: these were a seventh of the CPU time of large pushes
 * (bench/s3.ts). At rest a few are left. One pool per driver instance.
 */

const keptAtRest = 2;

export class PartBuffers {
  readonly #free: Buffer[] = [];
  #usedCount = 0;

  /** Contents are undefined. Pages of memory that nobody writes to are never made resident. */
  acquire(sizeBytes: number): Buffer {
    this.#usedCount += 1;
    const index = this.#free.findIndex((buffer) => buffer.byteLength === sizeBytes);
    const [buffer] = index < 0 ? [] : this.#free.splice(index, 1);
    return buffer ?? Buffer.allocUnsafeSlow(sizeBytes);
  }

  /** Once for each `acquire`; nobody looks at the buffer any more. */
  release(buffer: Buffer): void {
    this.#usedCount -= 1;
    this.#free.push(buffer);
    // The oldest go: those of a size that is no longer asked for.
    this.#free.splice(0, this.#free.length - Math.max(keptAtRest, this.#usedCount));
  }
}
