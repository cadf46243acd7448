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
import { type Digests, keepsHash } from '../storage/upload-hash.ts';
import type {
  DriverSpec,
  FromWorker,
  JobValues,
  ToWorker,
  WorkerJob,
  WorkerResult,
} from '../worker/protocol.ts';
import { workerEntryUrl } from './entry-url.ts';
import { Keepers, keeping } from './keepers.ts';
import type { WorkersOptions } from './options.ts';
import { rebuildError } from './rebuild-error.ts';
import { youngHeapMb } from './thread-heap.ts';
import { ThreadLoading } from './thread-loading.ts';
import { type Turn, Turns } from './turns.ts';

/** Bodies that move at a time, for each thread: as many as keep it busy. Their buffers are most of the memory. */
const turnsPerWorker = 8;
/** Jobs of one thread, without a bound of their own: a body that waits for its client or its sync costs a few KiB. */
const jobsPerWorker = 1_000_000;
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
  readonly #turns: Turns;
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
    this.#turns = new Turns(threads * turnsPerWorker, options.queue);
    this.#piscina = new Piscina({
      filename: fileURLToPath(entry),
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: jobsPerWorker,
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
      loadBalancer: new Keepers().choose,
      resourceLimits: {
        maxOldGenerationSizeMb: workerHeapMb,
        maxYoungGenerationSizeMb: youngHeapMb,
      },
    });
    this.#loading = new ThreadLoading(this.#piscina);
    this.#piscina.on('workerDestroy', () => {
      this.#died += this.#isClosing ? 0 : 1;
    });
    // Told to the task that it hit as well; without a listener the process would end.
    this.#piscina.on('error', () => {});
  }

  append(request: AppendRequest, body: BodySource): Promise<AppendOutcome> {
    return this.#runWithBody<JobValues['append']>(body, (port) => {
      const job: WorkerJob = { kind: 'append', driver: this.#driver, request, port };
      return keepsHash(request.hash) ? keeping(job, request.path) : job;
    });
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
      queued: this.#turns.waiting,
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
    return this.#inTurn(async (turn) => {
      const { port1, port2 } = new MessageChannel();
      const feed = new BodyFeed({ body, port: port1, turn, pool: this });
      const value = this.#runNow<Value>(jobOf(port2), [port2]);
      feed.start();
      try {
        const outcome = await value;
        return feed.failure === undefined ? outcome : { ...outcome, failure: feed.failure };
      } finally {
        feed.stop();
      }
    });
  }

  #run<Value>(job: WorkerJob): Promise<Value> {
    return this.#inTurn(() => this.#runNow<Value>(job, []));
  }

  async #inTurn<T>(work: (turn: Turn) => Promise<T>): Promise<T> {
    const turn = await this.#turns.begin();
    if (turn === undefined) {
      throw unavailable('too many uploads are waiting; try again');
    }
    try {
      return await work(turn);
    } finally {
      turn.end();
    }
  }

  async #runNow<Value>(job: WorkerJob, transferList: MessagePort[]): Promise<Value> {
    this.#running += 1;
    let result: WorkerResult<Value>;
    try {
      result = (await this.#piscina.run(job, { transferList })) as WorkerResult<Value>;
    } catch (error) {
      // A thread that died under a job, or one being stopped.
      throw unavailable('the upload worker ended; try again', error);
    } finally {
      this.#running -= 1;
    }
    if (result.ok) {
      return result.value;
    }
    throw rebuildError(result);
  }
}

function unavailable(detail: string, cause?: unknown): CodedError {
  return new CodedError('UNAVAILABLE', 'service unavailable', { detail, cause });
}

interface FeedParts {
  readonly body: BodySource;
  readonly port: MessagePort;
  readonly turn: Turn;
  readonly pool: WorkerPool;
}

/** Passes one body on to a worker, a bounded number of pieces ahead, and takes the buffers back. */
class BodyFeed {
  /** Why the body ended early, once it did. */
  failure: unknown;
  readonly #body: BodySource;
  readonly #port: MessagePort;
  readonly #turn: Turn;
  readonly #pool: WorkerPool;
  #outBytes: number[] = [];
  #isReading = false;
  #hasEnded = false;

  constructor({ body, port, turn, pool }: FeedParts) {
    this.#body = body;
    this.#port = port;
    this.#turn = turn;
    this.#pool = pool;
  }

  start(): void {
    this.#port.on('message', ({ buffers }: FromWorker) => {
      for (const buffer of buffers) {
        this.#returned(new Uint8Array(buffer));
      }
      this.#advance();
    });
    this.#advance();
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
      const piece = await this.#next();
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

  async #next(): Promise<Uint8Array | undefined> {
    const turn = this.#turn;
    if (turn.isDue) {
      const held = this.#body.takeHeld?.();
      if (held !== undefined) {
        return held;
      }
      await turn.again();
    }
    turn.isIdle = true;
    const piece = await this.#body.read();
    turn.isIdle = false;
    turn.moved(piece?.length ?? 0);
    return piece;
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
      // What is left is a sync: many of them are one commit of the journal.
      this.#turn.end();
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
