/** The suite's side of the load process: starts it, asks, and gives up on an answer that never comes. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Measurement } from '../load/measurement.ts';
import type { Answer, CaseName, Question } from '../load/protocol.ts';

const entry = fileURLToPath(new URL('../load/load-process.js', import.meta.url));
/** No run of any profile takes this long: a server that hangs must not hang the suite. */
const answerMs = 180_000;

export class LoadClient {
  readonly #child: ChildProcess;

  /** @param isRaised  Same priority as the servers': else they would starve it and look slow. */
  constructor(isRaised: boolean) {
    const node = process.execPath;
    this.#child = fork(entry, {
      ...(isRaised ? { execPath: 'nice', execArgv: ['-n', '-15', node] } : {}),
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      // Out of the terminal's reach: the suite alone ends it, and knows why.
      detached: true,
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async open(question: Omit<Question & { ask: 'open' }, 'ask'>): Promise<readonly CaseName[]> {
    const answer = await this.#ask({ ask: 'open', ...question });
    return 'cases' in answer ? answer.cases : [];
  }

  async run(server: string, caseName: string, seconds: number): Promise<Measurement> {
    const answer = await this.#ask({ ask: 'run', server, caseName, seconds });
    if (!('measurement' in answer)) {
      throw new TypeError('the load process answered another question');
    }
    return answer.measurement;
  }

  async prepare(server: string, caseName: string): Promise<void> {
    await this.#ask({ ask: 'prepare', server, caseName });
  }

  async end(server: string, caseName: string): Promise<void> {
    await this.#ask({ ask: 'end', server, caseName });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await ended;
    }
  }

  async #ask(question: Question): Promise<Answer> {
    const signal = AbortSignal.timeout(answerMs);
    const ended = new AbortController();
    const answered = once(this.#child, 'message', {
      signal: AbortSignal.any([signal, ended.signal]),
    });
    const onExit = (): void => ended.abort();
    this.#child.once('exit', onExit);
    this.#child.send(question);
    try {
      const [answer] = (await answered) as [Answer];
      if ('error' in answer) {
        throw new Error(answer.error);
      }
      return answer;
    } catch (error) {
      if (signal.aborted) {
        throw new Error(`no answer within ${answerMs / 1000} s`, { cause: error });
      }
      throw ended.signal.aborted ? new Error('the load process ended', { cause: error }) : error;
    } finally {
      this.#child.off('exit', onExit);
    }
  }
}
