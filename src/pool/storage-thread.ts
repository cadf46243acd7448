/**
 * The main-thread side of the storage thread: driver calls go over in one message per turn of the loop and come back
 * likewise (sooner when a turn is long), so that the price of a message is shared by all requests in flight. A file
 * system call through libuv's pool costs 15 µs of CPU and a small push takes some 40 of them; here it takes about six
 * messages.
 */

import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { Logger } from '../observe/logger.ts';
import { Slots } from '../slots.ts';
import type { AppendOutcome, AppendRequest } from '../storage/append-upload.ts';
import { DriverCode, DriverError } from '../storage/driver.ts';
import type {
  DriverSpec,
  StorageAnswer,
  StorageCall,
  StorageMethod,
  WorkerJob,
} from '../worker/protocol.ts';
import { workerEntryUrl } from './entry-url.ts';
import { rebuildError } from './rebuild-error.ts';
import { youngHeapMb } from './thread-heap.ts';
import { ThreadLoading } from './thread-loading.ts';

/** Calls that may be under way; beyond that storage is not keeping up and clients are told so. */
const maxPending = 20_000;
/** A blocked disk gives no error: after so long a call counts as failed, and health checks see it. */
const answerTimeoutMs = 60_000;
const sweepMs = 5_000;

/** A buffer that travels with a call and comes back with its answer. */
interface Loan {
  readonly buffer: ArrayBuffer;
  giveBack(buffer: Uint8Array): void;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly sentAtMs: number;
  /** Takes back the buffer that went with the call, or an empty one when it is lost. */
  readonly giveBack: ((buffer: Uint8Array) => void) | undefined;
}

export class StorageThread {
  readonly #piscina: Piscina<WorkerJob, unknown>;
  readonly #driver: DriverSpec;
  readonly #driverName: string;
  readonly #logger: Logger;
  readonly #pending: Slots<Pending> = new Slots();
  readonly #loading: ThreadLoading;
  readonly #sweep: NodeJS.Timeout;
  #port: MessagePort;
  #batch: StorageCall[] = [];
  #transfers: ArrayBuffer[] = [];
  #isClosed = false;
  #died = 0;

  /** @param driverName  As errors name it. */
  constructor(driver: DriverSpec, driverName: string, logger: Logger) {
    this.#driver = driver;
    this.#driverName = driverName;
    this.#logger = logger;
    this.#piscina = new Piscina({
      filename: fileURLToPath(workerEntryUrl),
      minThreads: 1,
      maxThreads: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
      resourceLimits: { maxYoungGenerationSizeMb: youngHeapMb },
    });
    this.#loading = new ThreadLoading(this.#piscina);
    this.#piscina.on('error', () => {});
    this.#port = this.#start();
    this.#sweep = setInterval(() => this.#expire(), sweepMs);
    this.#sweep.unref();
  }

  /** Threads that ended although nobody stopped them. */
  get died(): number {
    return this.#died;
  }

  get pending(): number {
    return this.#pending.size;
  }

  call(method: StorageMethod, args: readonly unknown[]): Promise<unknown> {
    return this.#enqueue(method, args, undefined);
  }

  /**
   * Appends bytes of a body to an upload. Their whole buffer travels to the thread and comes back by `giveBack`, so
   * nothing is copied.
   */
  append(
    request: AppendRequest,
    bytes: Uint8Array,
    giveBack: (buffer: Uint8Array) => void,
  ): Promise<AppendOutcome> {
    const loan = { buffer: bytes.buffer as ArrayBuffer, giveBack };
    return this.#enqueue('appendUpload', [request, bytes], loan) as Promise<AppendOutcome>;
  }

  #enqueue(
    method: StorageMethod,
    args: readonly unknown[],
    loan: Loan | undefined,
  ): Promise<unknown> {
    if (this.#isClosed || this.#pending.size >= maxPending) {
      loan?.giveBack(new Uint8Array(loan.buffer));
      return Promise.reject(this.#unavailable('too many storage operations are waiting'));
    }
    return new Promise((resolve, reject) => {
      const giveBack = loan?.giveBack;
      const id = this.#pending.add({ resolve, reject, sentAtMs: performance.now(), giveBack });
      if (loan !== undefined) {
        this.#transfers.push(loan.buffer);
      }
      if (this.#batch.push([id, method, args]) === 1) {
        setImmediate(() => this.#flush());
      }
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#sweep);
    this.#flush();
    while (this.#pending.size > 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await this.#loading.done(this.#died);
    this.#port.close();
    await this.#piscina.destroy();
  }

  #flush(): void {
    const batch = this.#batch;
    if (batch.length > 0) {
      const transfers = this.#transfers;
      this.#batch = [];
      this.#transfers = [];
      this.#port.postMessage(batch, transfers);
    }
  }

  /** Starts the serving job; when the thread ends under it, a new one takes over and what was under way failed. */
  #start(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    port1.on('message', (answers: readonly StorageAnswer[]) => this.#answered(answers));
    this.#piscina
      .run({ kind: 'serve', driver: this.#driver, port: port2 }, { transferList: [port2] })
      .catch(() => {
        if (!this.#isClosed) {
          this.#restart();
        }
      });
    return port1;
  }

  #restart(): void {
    this.#died += 1;
    this.#logger.error('the storage thread ended; starting another');
    this.#batch = [];
    this.#transfers = [];
    this.#port = this.#start();
    for (const [id, { giveBack, reject }] of this.#pending.entries()) {
      this.#pending.take(id);
      giveBack?.(new Uint8Array(0));
      reject(this.#unavailable('the storage thread ended'));
    }
  }

  #answered(answers: readonly StorageAnswer[]): void {
    for (const [id, result, buffer] of answers) {
      const pending = this.#pending.take(id);
      if (pending === undefined) {
        continue;
      }
      if (buffer !== undefined) {
        pending.giveBack?.(new Uint8Array(buffer));
      }
      if (result.ok) {
        pending.resolve(result.value);
      } else {
        pending.reject(rebuildError(result));
      }
    }
  }

  #expire(): void {
    const beforeMs = performance.now() - answerTimeoutMs;
    for (const [id, { giveBack, reject, sentAtMs }] of this.#pending.entries()) {
      if (sentAtMs > beforeMs) {
        continue;
      }
      this.#pending.take(id);
      giveBack?.(new Uint8Array(0));
      reject(this.#unavailable(`storage did not answer for ${answerTimeoutMs} ms`));
    }
  }

  #unavailable(message: string): DriverError {
    return new DriverError(this.#driverName, DriverCode.unavailable, message, { retryable: true });
  }
}
