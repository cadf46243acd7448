/** The shape of a results file, so that one that was cut or written by hand is told by name and not by a crash. */

import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Results } from './results.ts';

const amount = Type.Number();

const machine = Type.Object({
  cpu: Type.String(),
  cores: amount,
  memoryBytes: amount,
  kernel: Type.String(),
  node: Type.String(),
  longshore: Type.String(),
  storage: Type.String(),
  loadAtStart: amount,
  isRaised: Type.Boolean(),
});

const run = Type.Object({
  count: amount,
  seconds: amount,
  bytes: amount,
  cpuSeconds: amount,
  loadCpuSeconds: amount,
  peakBytes: amount,
  p50Ms: Type.Optional(amount),
  p99Ms: Type.Optional(amount),
  notes: Type.Optional(Type.Record(Type.String(), Type.Number())),
});

const oneCase = Type.Object({
  profile: Type.String(),
  title: Type.String(),
  question: Type.String(),
  name: Type.String(),
  unit: Type.Union([
    Type.Literal('images/s'),
    Type.Literal('MiB/s'),
    Type.Literal('requests/s'),
    Type.Literal('pushes/s'),
    Type.Literal('operations/s'),
  ]),
  servers: Type.Array(
    Type.Object({
      server: Type.String(),
      restBytes: Type.Optional(amount),
      runs: Type.Array(run),
    }),
  ),
  failures: Type.Array(Type.Object({ server: Type.String(), error: Type.String() })),
});

const schema = Type.Object({
  format: Type.Literal(1),
  takenAt: Type.String(),
  cut: Type.Optional(Type.String()),
  isQuick: Type.Boolean(),
  seconds: amount,
  rateClient: Type.String(),
  machine,
  servers: Type.Array(Type.Object({ name: Type.String(), version: Type.String() }), {
    minItems: 1,
  }),
  cases: Type.Array(oneCase),
});

/** Throws `RangeError` with the first place that is not as it should be. */
export function checkResults(value: unknown): Results {
  if (!Value.Check(schema, value)) {
    const [fault] = Value.Errors(schema, value);
    throw new RangeError(`${fault?.instancePath || 'the whole'} ${fault?.message}`);
  }
  // Typed as the schema says: the compiler sees that it and the interface agree.
  return value;
}
