/**
 * Runs health checks on their own clocks and knows at any moment whether all is well. Requests read `isHealthy`; the
 * debug server prints `failures()`; health-checks.ts makes the checks.
 *
 * While a check fails, *every* request gets 503, `/` and `/v2/` too, as with Distribution: balancers that were set up
 * for it probe either path to take an instance out of rotation, and an exception would keep it in. A probe that asks
 * "is the process alive" rather than "may it serve" (a Kubernetes livenessProbe) must not restart a registry whose
 * storage is away: point it at `/debug/vars` of the debug server, which answers whatever the checks say.
 */

import { CodedError, errorText } from '../errors.ts';
import { type Logger, silentLogger } from './logger.ts';

/**
 * Open runs of a check: one whose time is up and that cannot be taken back (a call into a dead disk), and the next,
 * since storage may answer again though that call never does. More would only take more threads.
 */
const maxOpenRuns = 2;

/** One thing that must hold for requests to be served. */
export interface HealthCheck {
  /** Key of the check in `/debug/health`. */
  readonly name: string;
  /** Wait between the end of a run and the next one. */
  readonly intervalMs: number;
  /** Failures in a row that make the check count as failing; 0 and less mean the first one. */
  readonly threshold: number;
  /** 0: none. A run that takes longer fails, even when `run` does not heed the signal. */
  readonly timeoutMs: number;
  /** Rejects with the text to show. The signal says that the time is up: a run that heeds it frees what it holds. */
  run(signal: AbortSignal): Promise<void>;
}

interface CheckState {
  readonly check: HealthCheck;
  failuresInRow: number;
  /** Text of the last failure once over the threshold. */
  failure: string | undefined;
  timer: NodeJS.Timeout | undefined;
  /** Runs that have not come back, though their time may be up; oldest first. */
  readonly open: Set<{ readonly sinceMs: number }>;
}

export class Health {
  /** Plain field: read on every request. True until a check says otherwise. */
  isHealthy = true;
  readonly #states = new Map<string, CheckState>();
  readonly #logger: Logger;
  #isDraining = false;
  #stopped: AbortController | undefined;

  constructor(options: { logger?: Logger } = {}) {
    this.#logger = options.logger ?? silentLogger;
  }

  /** Before `start`. @throws CodedError `HEALTH_CHECK_EXISTS` two checks of one name */
  add(check: HealthCheck): void {
    if (this.#states.has(check.name)) {
      throw new CodedError('HEALTH_CHECK_EXISTS', `health: Check already exists: ${check.name}`);
    }
    this.#states.set(check.name, {
      check,
      failuresInRow: 0,
      failure: undefined,
      timer: undefined,
      open: new Set(),
    });
  }

  /** Starts every check now, not after an interval. Resolves when each has run once; nobody needs to wait for it. */
  async start(): Promise<void> {
    this.#stopped = new AbortController();
    const { signal } = this.#stopped;
    await Promise.all([...this.#states.values()].map((state) => this.#round(state, signal)));
  }

  stop(): void {
    this.#stopped?.abort();
    for (const state of this.#states.values()) {
      clearTimeout(state.timer);
    }
  }

  /**
   * The process is about to stop: balancers that ask the debug server are told to send requests elsewhere. Requests
   * that still come in on open connections are served, so `isHealthy` stays what the checks say.
   */
  drain(): void {
    this.#isDraining = true;
  }

  /** False while a check fails or the process is draining. */
  get isReady(): boolean {
    return this.isHealthy && !this.#isDraining;
  }

  /** Name and error text of the failing checks, and `draining`; empty when ready. */
  failures(): Record<string, string> {
    const failures: Record<string, string> = {};
    if (this.#isDraining) {
      failures['draining'] = 'the server is shutting down';
    }
    for (const { check, failure } of this.#states.values()) {
      if (failure !== undefined) {
        failures[check.name] = failure;
      }
    }
    return failures;
  }

  /** Every check, for metrics. */
  checks(): readonly { readonly name: string; readonly isFailing: boolean }[] {
    return [...this.#states.values()].map(({ check, failure }) => ({
      name: check.name,
      isFailing: failure !== undefined,
    }));
  }

  async #round(state: CheckState, stopped: AbortSignal): Promise<void> {
    const failure = await this.#run(state, stopped);
    if (stopped.aborted) {
      return;
    }
    this.#note(state, failure);
    state.timer = setTimeout(() => {
      void this.#round(state, stopped);
    }, state.check.intervalMs).unref();
  }

  /** Never rejects: the text of the failure, or `undefined`. */
  async #run(state: CheckState, stopped: AbortSignal): Promise<string | undefined> {
    const { check, open } = state;
    const nowMs = performance.now();
    const [oldest] = open;
    if (oldest !== undefined && open.size >= maxOpenRuns) {
      const seconds = ((nowMs - oldest.sinceMs) / 1000).toFixed(0);
      return `${check.name}: still no answer after ${seconds}s`;
    }
    const entry = { sinceMs: nowMs };
    open.add(entry);
    const limit = new AbortController();
    const run = check.run(limit.signal).then(
      () => undefined,
      (error: unknown) => errorText(error),
    );
    void run.then(() => open.delete(entry));
    let timer: NodeJS.Timeout | undefined;
    let stop = (): void => {};
    const ended = new Promise<string>((resolve) => {
      const end = (text: string): void => {
        resolve(text);
        limit.abort();
      };
      stop = () => end('stopped');
      stopped.addEventListener('abort', stop);
      if (check.timeoutMs > 0) {
        const text = `${check.name}: no answer within ${check.timeoutMs}ms`;
        timer = setTimeout(end, check.timeoutMs, text).unref();
      }
    });
    try {
      return await Promise.race([run, ended]);
    } finally {
      clearTimeout(timer);
      stopped.removeEventListener('abort', stop);
    }
  }

  #note(state: CheckState, failure: string | undefined): void {
    const { name, threshold } = state.check;
    const wasFailing = state.failure !== undefined;
    state.failuresInRow = failure === undefined ? 0 : state.failuresInRow + 1;
    state.failure = state.failuresInRow >= Math.max(threshold, 1) ? failure : undefined;
    const isFailing = state.failure !== undefined;
    if (isFailing && !wasFailing) {
      this.#logger.error('health check failed: requests get 503', { check: name, error: failure });
    } else if (!isFailing && wasFailing) {
      this.#logger.info('health check passes again', { check: name });
    }
    this.isHealthy = [...this.#states.values()].every((each) => each.failure === undefined);
  }
}
