/**
 * Buffers of one part each, handed out to writers and taken back. As many are kept as are in use: fresh memory for each
 * part was a sixth of our CPU time in large parallel pushes (bench/s3.ts). At rest a few are left. One pool per driver
 * instance.
 */

const keptAtRest = 2;

export class PartBuffers {
  readonly #free: Buffer[] = [];
  #usedCount = 0;

  get freeCount(): number {
    return this.#free.length;
  }

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
    const surplus = this.#free.length - Math.max(keptAtRest, this.#usedCount);
    this.#free.splice(0, Math.max(0, surplus));
  }
}
