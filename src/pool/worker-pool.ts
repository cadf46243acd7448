/**
 * The main-thread side of the workers: typed jobs, bounded queue and bytes in flight, counts for the metrics.
 * Fits storage's BodyStore; `compose` hands it in.
 */

import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { CodedError } from '../errors.ts';
import type { DigestAlgorithm } from '../oci/digest.ts';
import type {
  AppendOutcome,
  AppendRequest,
  HashFurtherRequest,
  PutOutcome,
  PutRequest,
} from '../storage/append-upload.ts';
import type { BodySource, BodyStore } from '../storage/body-store.ts';
import type { Digests } from '../storage/upload-hash.ts';
import type {
  DriverSpec,
  FromWorker,
  JobValues,
  ToWorker,
  WorkerJob,
  WorkerResult,
} from '../worker/protocol.ts';
import { workerEntryUrl } from './entry-url.ts';
import type { WorkersOptions } from './options.ts';
import { rebuildError } from './rebuild-error.ts';
import { ThreadLoading } from './thread-loading.ts';

/** Jobs that one thread keeps going: they wait for the disk most of the time, and syncs of many are one journal commit. */
const jobsPerWorker = 32;
/** Pieces of one body under way; more does not go faster, and holds buffers that others need. */
const piecesPerBody = 4;
const maxWorkers = 16;
/** A thread's own objects are few: buffers lie outside its heap. One that outgrows this ends alone, not with the process. */
const workerHeapMb = 256;

export interface PoolState {
  readonly threads: number;
  readonly queued: number;
  readonly running: number;
  readonly inFlightBytes: number;
  /** Workers that ended although nobody stopped them. */
  readonly died: number;
  /** 0 to 1. */
  readonly utilization: number;
}

/** Threads that a pool with these options starts. */
export function workerCount({ count }: Pick<WorkersOptions, 'count'>): number {
  return count > 0 ? count : Math.min(maxWorkers, Math.max(2, availableParallelism()));
}

export class WorkerPool implements BodyStore {
  readonly #piscina: Piscina<WorkerJob, WorkerResult<JobValues[keyof JobValues]>>;
  readonly #loading: ThreadLoading;
  readonly #driver: DriverSpec;
  readonly #maxInFlightBytes: number;
  readonly #waiting: (() => void)[] = [];
  #inFlightBytes = 0;
  #running = 0;
  #died = 0;
  #isClosing = false;

  /** `entry` is the module that threads run; worker/entry unless a test brings its own. */
  constructor(options: WorkersOptions, driver: DriverSpec, entry: URL = workerEntryUrl) {
    const threads = workerCount(options);
    this.#driver = driver;
    this.#maxInFlightBytes = options.inflightbytes;
    this.#piscina = new Piscina({
      filename: fileURLToPath(entry),
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: jobsPerWorker,
      maxQueue: options.queue,
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
      resourceLimits: { maxOldGenerationSizeMb: workerHeapMb },
    });
    this.#loading = new ThreadLoading(this.#piscina);
    this.#piscina.on('workerDestroy', () => {
      this.#died += this.#isClosing ? 0 : 1;
    });
    // Told to the task that it hit as well; without a listener the process would end.
    this.#piscina.on('error', () => {});
  }

  append(request: AppendRequest, body: BodySource): Promise<AppendOutcome> {
    return this.#runWithBody<JobValues['append']>(body, (port) => ({
      kind: 'append',
      driver: this.#driver,
      request,
      port,
    }));
  }

  put(request: PutRequest, body: BodySource): Promise<PutOutcome> {
    return this.#runWithBody<JobValues['put']>(body, (port) => ({
      kind: 'put',
      driver: this.#driver,
      request,
      port,
    }));
  }

  digestFile(
    path: string,
    algorithms: readonly DigestAlgorithm[],
    bytesPerSecond?: number,
  ): Promise<{ sizeBytes: number; digests: Digests }> {
    return this.#run<JobValues['digest']>({
      kind: 'digest',
      driver: this.#driver,
      path,
      algorithms,
      ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
    });
  }

  hashFurther(request: HashFurtherRequest): Promise<Uint8Array | undefined> {
    return this.#run<Uint8Array | undefined>({
      kind: 'hashFurther',
      driver: this.#driver,
      request,
    });
  }

  publish(from: string, to: string): Promise<void> {
    return this.#run<undefined>({ kind: 'publish', driver: this.#driver, from, to });
  }

  get state(): PoolState {
    return {
      threads: this.#piscina.threads.length,
      queued: this.#piscina.queueSize,
      running: this.#running,
      inFlightBytes: this.#inFlightBytes,
      died: this.#died,
      utilization: this.#piscina.utilization,
    };
  }

  /** Waits for running jobs up to the pool's own limit, then ends the threads. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#loading.done(this.#died);
    await this.#piscina.close({ force: false });
  }

  /** Takes room for a piece, now or when `retry` is called. */
  reserve(bytes: number, retry: () => void): boolean {
    if (this.#inFlightBytes > 0 && this.#inFlightBytes + bytes > this.#maxInFlightBytes) {
      this.#waiting.push(retry);
      return false;
    }
    this.#inFlightBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#inFlightBytes -= bytes;
    this.#waiting.shift()?.();
  }

  /** Only this side knows why a body ended, so that is added to what the worker tells. */
  #runWithBody<Value extends object>(
    body: BodySource,
    jobOf: (port: MessagePort) => WorkerJob,
  ): Promise<Value & { failure?: unknown }> {
    const { port1, port2 } = new MessageChannel();
    const feed = new BodyFeed(body, port1, this);
    const isQueued = this.#running >= this.#piscina.options.maxThreads * jobsPerWorker;
    const value = this.#run<Value>(jobOf(port2), [port2]);
    feed.start(isQueued);
    return value
      .then((outcome) =>
        feed.failure === undefined ? outcome : { ...outcome, failure: feed.failure },
      )
      .finally(() => feed.stop());
  }

  async #run<Value>(job: WorkerJob, transferList: MessagePort[] = []): Promise<Value> {
    this.#running += 1;
    let result: WorkerResult<Value>;
    try {
      result = (await this.#piscina.run(job, { transferList })) as WorkerResult<Value>;
    } catch (error) {
      throw poolError(error);
    } finally {
      this.#running -= 1;
    }
    if (result.ok) {
      return result.value;
    }
    throw rebuildError(result);
  }
}

/** A full queue is the client's to retry; a thread that died under a job is ours, and so is one being stopped. */
function poolError(error: unknown): CodedError {
  const isFull = error instanceof Error && /queue/i.test(error.message);
  return new CodedError('UNAVAILABLE', 'service unavailable', {
    detail: isFull
      ? 'too many uploads are waiting; try again'
      : 'the upload worker ended; try again',
    cause: error,
  });
}

/** Passes one body on to a worker, a bounded number of pieces ahead, and takes the buffers back. */
class BodyFeed {
  /** Why the body ended early, once it did. */
  failure: unknown;
  readonly #body: BodySource;
  readonly #port: MessagePort;
  readonly #pool: WorkerPool;
  #outBytes: number[] = [];
  #isReading = false;
  #hasEnded = false;

  constructor(body: BodySource, port: MessagePort, pool: WorkerPool) {
    this.#body = body;
    this.#port = port;
    this.#pool = pool;
  }

  /**
   * Buffers are for bodies that a worker takes: those of queued jobs would leave none for the jobs that must end before
   * the queue moves. A job that need not wait is fed at once, which saves it a round.
   */
  start(isQueued: boolean): void {
    this.#port.on('message', (message: FromWorker) => {
      if ('buffer' in message) {
        this.#returned(new Uint8Array(message.buffer));
      }
      this.#advance();
    });
    if (!isQueued) {
      this.#advance();
    }
  }

  /** The job is over: buffers that the worker did not hand back are gone, but no longer count. */
  stop(): void {
    this.#hasEnded = true;
    this.#port.close();
    while (this.#outBytes.length > 0) {
      this.#returned(new Uint8Array(0));
    }
  }

  #advance(): void {
    if (this.#isReading || this.#hasEnded || this.#outBytes.length >= piecesPerBody) {
      return;
    }
    this.#isReading = true;
    void this.#passOne();
  }

  async #passOne(): Promise<void> {
    try {
      const piece = await this.#body.read();
      if (piece === undefined) {
        this.#end();
        return;
      }
      if (this.#hasEnded) {
        this.#body.pool.give(piece);
        return;
      }
      await this.#post(piece);
    } catch (error) {
      this.failure = error;
      this.#end();
      return;
    } finally {
      this.#isReading = false;
    }
    this.#advance();
  }

  async #post(piece: Uint8Array): Promise<void> {
    await this.#room(piece.length);
    if (this.#hasEnded) {
      this.#pool.release(piece.length);
      this.#body.pool.give(piece);
      return;
    }
    const buffer = piece.buffer as ArrayBuffer;
    const message: ToWorker = { buffer, offset: piece.byteOffset, length: piece.length };
    this.#outBytes.push(piece.length);
    this.#port.postMessage(message, [buffer]);
  }

  #room(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      const attempt = (): void => {
        if (this.#pool.reserve(bytes, attempt)) {
          resolve();
        }
      };
      attempt();
    });
  }

  #end(): void {
    if (!this.#hasEnded) {
      this.#hasEnded = true;
      const message: ToWorker = { end: true };
      this.#port.postMessage(message);
    }
  }

  /** Pieces come back in the order they went. */
  #returned(buffer: Uint8Array): void {
    const bytes = this.#outBytes.shift();
    if (bytes !== undefined) {
      this.#pool.release(bytes);
      this.#body.pool.give(buffer);
    }
  }
}
