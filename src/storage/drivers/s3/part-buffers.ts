/**
 * Buffers of one part each, handed out to writers and taken back. A few are kept, so that a stream of small uploads
 * does not make the garbage collector see a new 10 MiB each time. One pool per driver instance.
 */

const keptBuffers = 2;

export class PartBuffers {
  readonly #free: Buffer[] = [];

  /** Contents are undefined. Pages of memory that nobody writes to are never made resident. */
  acquire(sizeBytes: number): Buffer {
    const index = this.#free.findIndex((buffer) => buffer.byteLength === sizeBytes);
    const [buffer] = index < 0 ? [] : this.#free.splice(index, 1);
    return buffer ?? Buffer.allocUnsafeSlow(sizeBytes);
  }

  release(buffer: Buffer): void {
    if (this.#free.length < keptBuffers) {
      this.#free.push(buffer);
    }
  }
}
