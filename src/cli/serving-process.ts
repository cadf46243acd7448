/**
 * One of the processes of a supervisor: starts it, tells when it listens, starts it again when it dies.
 *
 *   starting ──listening──> serving ──death──> waiting ──delay──> starting
 *      └─ death before it ever listened: `start` rejects        stop() ends it from any state
 */

import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { CodedError } from '../errors.ts';
import type { Logger } from '../observe/logger.ts';
import type { Order, Report, StartOrder } from './process-orders.ts';
import { RestartDelay } from './restart-delay.ts';
import { ExitCode } from './usage.ts';

export class ServingProcess {
  readonly #order: StartOrder;
  readonly #logger: Logger;
  readonly #delay = new RestartDelay();
  #worker: Worker | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #isStopping = false;
  #restarts = 0;

  constructor(order: StartOrder, logger: Logger) {
    this.#order = order;
    this.#logger = logger.child({ process: order.number });
  }

  get number(): number {
    return this.#order.number;
  }

  get debugSocket(): string {
    return this.#order.debugSocket ?? '';
  }

  get pid(): number | undefined {
    return this.#worker?.process.pid;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /**
   * Resolves with the address once it listens.
   *
   * @throws CodedError `PROCESS_FAILED` it ended before; it has told why on stderr
   */
  start(): Promise<string> {
    const startedAtMs = performance.now();
    if (this.#order.debugSocket !== undefined) {
      // The dead one's socket file is still there.
      rmSync(this.#order.debugSocket, { force: true });
    }
    const worker = cluster.fork();
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      let isListening = false;
      worker.on('message', (report: Report) => {
        if (report.kind === 'ready') {
          this.#tell(this.#isStopping ? { kind: 'stop' } : this.#order);
        } else {
          isListening = true;
          resolve(report.address);
        }
      });
      worker.once('exit', (code, signal) => {
        this.#worker = undefined;
        if (isListening || this.#restarts > 0) {
          this.#died(signal ?? `exit code ${code}`, performance.now() - startedAtMs);
        }
        reject(new CodedError('PROCESS_FAILED', `process ${this.number} ended before it listened`));
      });
    });
  }

  reload(): void {
    this.#tell({ kind: 'reload' });
  }

  /** Lets it drain. Gives its exit code. */
  async stop(): Promise<number> {
    this.#isStopping = true;
    clearTimeout(this.#restartTimer);
    const worker = this.#worker;
    if (worker === undefined) {
      return ExitCode.ok;
    }
    const ended = once(worker, 'exit') as Promise<[code: number | null, signal: string | null]>;
    this.#tell({ kind: 'stop' });
    const [code] = await ended;
    return code ?? ExitCode.failed;
  }

  /** Ends it without a drain. */
  kill(): void {
    this.#worker?.process.kill('SIGKILL');
  }

  #died(how: string, livedMs: number): void {
    if (this.#isStopping) {
      return;
    }
    const delayMs = this.#delay.next(livedMs);
    this.#logger.error('a serving process ended: it is started again', {
      how,
      'delay.ms': delayMs,
    });
    this.#restartTimer = setTimeout(() => {
      this.#restarts += 1;
      this.start().then(
        () => this.#logger.info('serving process listens again', { pid: this.pid }),
        () => {
          // It died again: #died has said so and set the next try.
        },
      );
    }, delayMs);
  }

  #tell(order: Order): void {
    if (this.#worker?.isConnected()) {
      // A process that ends meanwhile cannot be told; its exit is handled where it is noticed.
      this.#worker.send(order, undefined, () => {});
    }
  }
}
