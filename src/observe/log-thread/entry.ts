/**
 * The log thread: prints lines from their records and writes them. While there are lines it looks for more by itself,
 * so that the main thread need not wake it: a wake costs more than all the lines of a request.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { linePieces } from '../line-maker.ts';
import type { OfValues } from '../line-output.ts';
import { LineWriter } from '../line-writer.ts';
import { createLineTaker } from './changed-values.ts';
import { createLineBytes } from './line-bytes.ts';
import {
  type FromLogThread,
  type LineKind,
  type LogThreadStart,
  type ToLogThread,
  word,
} from './protocol.ts';
import { RingReader } from './record-ring.ts';

/** Short: a look that takes the processor for long leaves few connections nothing to send (bench/logs.ts). */
const lookEveryMs = 4;
/** Looks without a record until it sleeps. */
const looksUntilSleep = 250;

const { kinds, memory, outputs } = workerData as LogThreadStart;
const control = new Int32Array(memory.control);
const reader = new RingReader(memory);

const writers = outputs.map(
  ({ fd, ...options }, output) =>
    new LineWriter(fd, {
      ...options,
      isHeld: true,
      mayWait: true,
      onDropped: (lines) => tell({ kind: 'dropped', output, lines }),
    }),
);
const takers = [
  ...writers.map((writer) => () => writer.write(reader.text())),
  ...kinds.map((lines) => {
    const writes = lines.map(lineWriter);
    return createLineTaker(reader, (timeMs, values) => {
      for (const write of writes) {
        write(timeMs, values);
      }
    });
  }),
];

function lineWriter({ output, recipe }: LineKind): OfValues<void> {
  const make = linePieces(recipe);
  const toBytes = createLineBytes();
  const writer = writers[output];
  return (timeMs, values) => writer?.writeBytes(toBytes(make(timeMs, values)));
}

let emptyLooks = 0;
let timer: NodeJS.Timeout | undefined;

function tell(message: FromLogThread): void {
  parentPort?.postMessage(message);
}

function readRecords(): number {
  const records = reader.readAll((tag) => takers[tag]?.());
  const hurried = Atomics.exchange(control, word.hurried, 0);
  for (const [output, writer] of writers.entries()) {
    if ((hurried & (1 << output)) !== 0) {
      writer.flush();
    }
    Atomics.store(control, word.dropped + output, writer.droppedLines);
  }
  return records;
}

function look(): void {
  timer = undefined;
  if (readRecords() > 0) {
    emptyLooks = 0;
  } else {
    emptyLooks += 1;
    if (emptyLooks >= looksUntilSleep) {
      Atomics.store(control, word.asleep, 1);
      // A record put before the main thread could see that comes without a wake.
      if (reader.isEmpty) {
        return;
      }
      Atomics.store(control, word.asleep, 0);
      emptyLooks = 0;
    }
  }
  timer = setTimeout(look, lookEveryMs);
}

function awake(): void {
  emptyLooks = 0;
  if (timer === undefined) {
    look();
  }
}

async function drain(id: number): Promise<void> {
  readRecords();
  await Promise.all(writers.map((writer) => writer.drained()));
  Atomics.store(control, word.drained, id);
  Atomics.notify(control, word.drained);
  tell({ kind: 'drained', id });
}

parentPort?.on('message', (message: ToLogThread) => {
  switch (message.kind) {
    case 'begin':
    case 'wake':
      awake();
      break;
    case 'release':
      writers[message.output]?.release();
      break;
    case 'text':
      readRecords();
      writers[message.output]?.write(message.line);
      awake();
      break;
    case 'drain':
      void drain(message.id);
      break;
  }
});

Atomics.store(control, word.loaded, 1);
Atomics.notify(control, word.loaded);
// Told once the loader is done with this module, which is after its last statement.
queueMicrotask(() => tell({ kind: 'loaded' }));
