/**
 * Log outputs that get a thread of their own once there is much to log. Until then lines are printed and written on the
 * main thread; afterwards that leaves in shared memory what differs from the line before, and the log thread does the
 * rest (bench/logging.ts has the figures).
 *
 *   here ──(many lines a second)──> starting ──(loaded)──> away
 *    └──<──────────────(cannot start, ended)──<──┴──────────┘     then here for good
 */

import { Worker } from 'node:worker_threads';
import { threadFile } from '../../thread-file.ts';
import { within } from '../../within.ts';
import type { LineOutput } from '../line-output.ts';
import { LineWriter } from '../line-writer.ts';
import {
  type FromLogThread,
  type LogThreadStart,
  type OutputSpec,
  type RecordKind,
  type ToLogThread,
  word,
} from './protocol.ts';
import { createRingMemory, RingWriter } from './record-ring.ts';
import { ThreadedOutput } from './threaded-output.ts';

/** At 60,000 requests a second the thread may be without a processor for a fifth of a second. */
const ringBytes = 2 * 1024 * 1024;
const defaultBusyLines = 2_000;
const countingMs = 1_000;
const exitPatienceMs = 500;
const loadPatienceMs = 5_000;
const entryUrl = threadFile('./entry', import.meta.url);
const heapMiB = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 64 } as const;

export interface LogThreadParts {
  /** Prepared lines a second from which on the thread is worth its memory. */
  readonly busyLines?: number;
  /** The thread's file; tests give others. */
  readonly entry?: URL;
  /** Output flows again after so many lines were dropped. */
  readonly onDropped: (output: number, lines: number) => void;
  /** The thread could not be started, or is gone; lines that it had not written may be lost. */
  readonly onLost: (error: unknown) => void;
}

/** A thread that runs. */
interface Running {
  readonly worker: Worker;
  /** Outlives the thread in `#control`. */
  readonly control: Int32Array;
  readonly ring: RingWriter;
  /** Resolves when it has loaded or ended. */
  readonly loaded: Promise<void>;
}

export class LogThread {
  /** In the order of the specs. */
  readonly outputs: readonly LineOutput[];
  /** No record may then hold lines of several outputs. */
  hasClosedOutput = false;
  readonly #parts: LogThreadParts;
  readonly #specs: readonly OutputSpec[];
  readonly #writers: readonly LineWriter[];
  readonly #kinds: RecordKind[] = [];
  readonly #drains: Map<number, () => void> = new Map();
  #running: Running | undefined;
  /** Of the thread that runs or ran. */
  #control: Int32Array | undefined;
  #isAway = false;
  /** Outputs on which the thread waits for us to finish. */
  #held: Set<number> = new Set();
  /** Lines stay here: the thread was lost, or the logs are closed. */
  #isHereForGood = false;
  #lastDrain = 0;
  #lines = 0;
  #countingSinceMs = 0;
  readonly #onExit = (): void => this.drainSync();

  constructor(specs: readonly OutputSpec[], parts: LogThreadParts) {
    this.#parts = parts;
    this.#specs = specs;
    this.#writers = specs.map(
      ({ fd, ...options }, output) =>
        new LineWriter(fd, { ...options, onDropped: (lines) => parts.onDropped(output, lines) }),
    );
    this.outputs = this.#writers.map((writer, index) => new ThreadedOutput(this, index, writer));
  }

  /** Where records go while the thread writes the lines. */
  get ring(): RingWriter | undefined {
    return this.#isAway ? this.#running?.ring : undefined;
  }

  /** @returns the tag of its records, `undefined` once the thread takes no new kinds */
  addKind(kind: RecordKind): number | undefined {
    return this.#running === undefined
      ? this.#specs.length + this.#kinds.push(kind) - 1
      : undefined;
  }

  /** Prepared lines were written here. */
  count(lines: number): void {
    if (this.#isHereForGood || this.#running !== undefined) {
      return;
    }
    this.#lines += lines;
    if (this.#lines < (this.#parts.busyLines ?? defaultBusyLines)) {
      return;
    }
    const nowMs = performance.now();
    const isBusy = nowMs - this.#countingSinceMs < countingMs;
    this.#countingSinceMs = nowMs;
    this.#lines = 0;
    if (isBusy) {
      this.#start();
    }
  }

  /** A record was put: the thread must see it. */
  ensureAwake(): void {
    const running = this.#running as Running;
    if (
      Atomics.load(running.control, word.asleep) === 1 &&
      Atomics.exchange(running.control, word.asleep, 0) === 1
    ) {
      this.#tell({ kind: 'wake' });
    }
  }

  hurry(output: number): void {
    const running = this.#running as Running;
    Atomics.or(running.control, word.hurried, 1 << output);
  }

  /** For a line that is too long for a record. Waits for it, so that no record overtakes it. */
  sendText(output: number, line: string): void {
    this.#tell({ kind: 'text', output, line });
    this.drainSync();
  }

  /** Lines that the thread has dropped. */
  droppedLines(output: number): number {
    return this.#control === undefined ? 0 : Atomics.load(this.#control, word.dropped + output);
  }

  tellDropped(output: number, lines: number): void {
    this.#parts.onDropped(output, lines);
  }

  /** Waits until all lines are written, or for half a second. */
  drainSync(): void {
    const running = this.#running;
    if (running === undefined) {
      return;
    }
    // A thread that is ended while it loads takes the whole process with it (pool/thread-loading.ts).
    Atomics.wait(running.control, word.loaded, 0, exitPatienceMs);
    if (!this.#isAway) {
      return;
    }
    for (const [output, writer] of this.#writers.entries()) {
      writer.flushSync();
      this.#release(output);
    }
    const id = this.#beginDrain();
    const untilMs = performance.now() + exitPatienceMs;
    for (;;) {
      const drained = Atomics.load(running.control, word.drained);
      const leftMs = untilMs - performance.now();
      if (drained >= id || leftMs <= 0) {
        return;
      }
      Atomics.wait(running.control, word.drained, drained, leftMs);
    }
  }

  /** Resolves when all lines are written, or after `patienceMs`. */
  async drain(patienceMs: number): Promise<void> {
    if (this.ring !== undefined) {
      const id = this.#beginDrain();
      await within(patienceMs, new Promise<void>((resolve) => this.#drains.set(id, resolve)));
      this.#drains.delete(id);
    }
  }

  /** After the outputs. */
  async close(): Promise<void> {
    this.#isHereForGood = true;
    const running = this.#running;
    if (running !== undefined) {
      await within(loadPatienceMs, running.loaded);
      this.#forget();
      await running.worker.terminate();
    }
  }

  #start(): void {
    const memory = createRingMemory(ringBytes);
    const start: LogThreadStart = { memory, outputs: this.#specs, kinds: this.#kinds };
    let worker: Worker;
    try {
      worker = new Worker(this.#parts.entry ?? entryUrl, {
        workerData: start,
        resourceLimits: heapMiB,
        execArgv: [],
      });
    } catch (error) {
      this.#lost(error);
      return;
    }
    const loaded = new Promise<void>((resolve) => {
      worker.on('message', (message: FromLogThread) => {
        if (message.kind === 'loaded') {
          resolve();
        }
        this.#hear(message);
      });
      worker.once('exit', () => {
        resolve();
        this.#lost(new Error('the thread ended'));
      });
    });
    worker.on('error', (error) => this.#lost(error));
    // Logging keeps no process alive. Last: a listener would undo it.
    worker.unref();
    const control = new Int32Array(memory.control);
    this.#control = control;
    this.#running = { worker, control, ring: new RingWriter(memory), loaded };
    process.on('exit', this.#onExit);
  }

  #hear(message: FromLogThread): void {
    switch (message.kind) {
      case 'loaded':
        this.#goAway();
        break;
      case 'drained':
        this.#drains.get(message.id)?.();
        break;
      case 'dropped':
        this.#parts.onDropped(message.output, message.lines);
        break;
    }
  }

  /** From now on lines are left to the thread, which writes none to an output before ours are out there. */
  #goAway(): void {
    if (this.#running === undefined || this.#isHereForGood) {
      return;
    }
    this.#isAway = true;
    this.#held = new Set(this.#writers.keys());
    this.#tell({ kind: 'begin' });
    for (const [output, writer] of this.#writers.entries()) {
      void writer.drained().then(() => this.#release(output));
    }
  }

  #release(output: number): void {
    if (this.#held.delete(output)) {
      this.#tell({ kind: 'release', output });
    }
  }

  #beginDrain(): number {
    this.#lastDrain += 1;
    this.#tell({ kind: 'drain', id: this.#lastDrain });
    return this.#lastDrain;
  }

  #tell(message: ToLogThread): void {
    this.#running?.worker.postMessage(message);
  }

  #lost(error: unknown): void {
    if (!this.#isHereForGood) {
      this.#isHereForGood = true;
      this.#forget();
      this.#parts.onLost(error);
    }
  }

  #forget(): void {
    this.#isAway = false;
    this.#running = undefined;
    process.off('exit', this.#onExit);
    for (const drained of this.#drains.values()) {
      drained();
    }
  }
}
