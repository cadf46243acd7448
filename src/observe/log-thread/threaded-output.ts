/** One output of a LogThread: lines are written here or left to the thread as records. */

import { lineMaker } from '../line-maker.ts';
import type { LineAlso, LineOutput, LineRecipe, OfValues } from '../line-output.ts';
import type { LineWriter } from '../line-writer.ts';
import { createLinePutter, type Put } from './changed-values.ts';
import type { LogThread } from './log-thread.ts';
import { maxValueBytes, type RingWriter } from './record-ring.ts';

interface ThreadedLine {
  readonly output: ThreadedOutput;
  readonly recipe: LineRecipe;
  readonly make: OfValues<string>;
}

export class ThreadedOutput implements LineOutput {
  readonly #thread: LogThread;
  readonly #index: number;
  readonly #writer: LineWriter;
  /** Lines for which the ring had no room. */
  #dropped = 0;
  #droppedSinceReport = 0;
  #isClosed = false;

  constructor(thread: LogThread, index: number, writer: LineWriter) {
    this.#thread = thread;
    this.#index = index;
    this.#writer = writer;
  }

  get droppedLines(): number {
    return this.#writer.droppedLines + this.#dropped + this.#thread.droppedLines(this.#index);
  }

  write(line: string): void {
    const { ring } = this.#thread;
    if (ring === undefined) {
      this.#writer.write(line);
    } else if (!this.#isClosed) {
      this.#putText(ring, line);
    }
  }

  /** @param also  Its output is one of the same thread: both lines come of one record. */
  prepare(recipe: LineRecipe, also?: LineAlso): OfValues<void> {
    const lines: ThreadedLine[] = [{ output: this, recipe, make: lineMaker(recipe) }];
    if (also !== undefined) {
      const output = also.output as ThreadedOutput;
      lines.push({ output, recipe: also.recipe, make: lineMaker(also.recipe) });
    }
    const thread = this.#thread;
    const tag = thread.addKind(
      lines.map((line) => ({ output: line.output.#index, recipe: line.recipe })),
    );
    let put: OfValues<Put> | undefined;
    return (timeMs, values) => {
      const { ring } = thread;
      if (ring === undefined) {
        for (const { make, output } of lines) {
          output.#writer.write(make(timeMs, values));
        }
        thread.count(lines.length);
        return;
      }
      put ??= tag === undefined ? alwaysOdd : createLinePutter(ring, tag);
      const outcome = thread.hasClosedOutput ? 'odd' : put(timeMs, values);
      if (outcome === 'put') {
        thread.ensureAwake();
      }
      for (const { make, output } of lines) {
        if (outcome !== 'odd') {
          output.#count(outcome === 'put');
        } else if (!output.#isClosed) {
          output.#putText(ring, make(timeMs, values));
        }
      }
    };
  }

  flush(): void {
    if (this.#thread.ring === undefined) {
      this.#writer.flush();
    } else {
      this.#thread.hurry(this.#index);
    }
  }

  flushSync(): void {
    if (this.#thread.ring === undefined) {
      this.#writer.flushSync();
    } else {
      this.#thread.drainSync();
    }
  }

  async close(patienceMs = 2000): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#thread.hasClosedOutput = true;
      await this.#thread.drain(patienceMs);
      await this.#writer.close(patienceMs);
    }
  }

  #putText(ring: RingWriter, line: string): void {
    const maxBytes = maxValueBytes(line);
    if (maxBytes > ring.maxRecordBytes) {
      this.#thread.sendText(this.#index, line);
      return;
    }
    const hasRoom = ring.begin(this.#index, maxBytes);
    if (hasRoom) {
      ring.text(line);
      ring.end();
    }
    if (hasRoom) {
      this.#thread.ensureAwake();
    }
    this.#count(hasRoom);
  }

  #count(isPut: boolean): void {
    if (!isPut) {
      this.#dropped += 1;
      this.#droppedSinceReport += 1;
    } else if (this.#droppedSinceReport > 0) {
      const lines = this.#droppedSinceReport;
      this.#droppedSinceReport = 0;
      this.#thread.tellDropped(this.#index, lines);
    }
  }
}

const alwaysOdd: OfValues<Put> = () => 'odd';
