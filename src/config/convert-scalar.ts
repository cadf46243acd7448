/** Turns one scalar into a value of the kind its schema asks for: text, secret, boolean, integer, duration, choice. */

import { tryParseGoDuration } from '../options/go-duration.ts';
import { Secret } from '../options/secret.ts';
import { type Notices, shownValue } from './faults.ts';
import { kindName, type RawNode, type RawScalar, scalarValue, tryParseNumber } from './raw.ts';
import { type OptionSchema, type Shape, shapeOf } from './schema.ts';
import { suggestion } from './suggest.ts';

export type ScalarShape = Exclude<Shape, 'section' | 'list' | 'map' | 'any'>;

/** Reports a fault and gives `undefined` when the node is not of the kind. */
export function convertScalar(
  raw: RawNode,
  shape: ScalarShape,
  schema: OptionSchema,
  path: string,
  notices: Notices,
): unknown {
  const fault = (message: string): undefined => {
    notices.fault({ path, origin: raw.origin, ...shownScalar(raw, schema), message });
    return undefined;
  };
  if (raw.kind !== 'scalar') return fault(`must be a single value, not ${kindName(raw)}`);
  switch (shape) {
    case 'string':
      return raw.text;
    case 'secret':
      return new Secret(raw.text);
    case 'boolean':
    case 'looseBoolean':
      return booleanOf(raw, shape === 'looseBoolean') ?? fault(booleanMessage(raw));
    case 'integer':
    case 'looseInteger': {
      const value = integerOf(raw, shape === 'looseInteger');
      if (value === undefined) return fault(`must be a whole number${bounds(schema)}`);
      return isWithin(value, schema) ? value : fault(`must be a number${bounds(schema)}`);
    }
    case 'duration':
      return durationOf(raw, schema, path, fault, notices);
    case 'choice':
      return choiceOf(raw, schema) ?? fault(choiceMessage(raw, schema));
  }
}

const goBooleans: Readonly<Record<string, boolean>> = {
  ...Object.fromEntries(['1', 't', 'T', 'TRUE', 'true', 'True'].map((text) => [text, true])),
  ...Object.fromEntries(['0', 'f', 'F', 'FALSE', 'false', 'False'].map((text) => [text, false])),
};

function booleanOf(raw: RawScalar, isLoose: boolean): boolean | undefined {
  const value = scalarValue(raw);
  if (typeof value === 'boolean') return value;
  return isLoose && Object.hasOwn(goBooleans, raw.text) ? goBooleans[raw.text] : undefined;
}

function booleanMessage(raw: RawScalar): string {
  return raw.isPlain ? 'must be true or false' : 'must be true or false, without quotes';
}

function integerOf(raw: RawScalar, isLoose: boolean): number | undefined {
  const value = isLoose ? tryParseNumber(raw.text.trim()) : scalarValue(raw);
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

function isWithin(value: number, schema: OptionSchema): boolean {
  return (
    value >= (schema.minimum ?? -Infinity) &&
    value <= (schema.maximum ?? Infinity) &&
    value % (schema.multipleOf ?? 1) === 0
  );
}

function bounds(schema: OptionSchema): string {
  const { minimum, maximum, multipleOf } = schema;
  const step = multipleOf === undefined ? '' : `, a multiple of ${multipleOf}`;
  if (minimum !== undefined && maximum !== undefined) {
    return ` between ${minimum} and ${maximum} (inclusive)${step}`;
  }
  if (minimum !== undefined) return ` of at least ${minimum}${step}`;
  return maximum === undefined ? step : ` of at most ${maximum}${step}`;
}

function durationOf(
  raw: RawScalar,
  schema: OptionSchema,
  path: string,
  fault: (message: string) => undefined,
  notices: Notices,
): number | undefined {
  const value = scalarValue(raw);
  if (typeof value === 'number' && value > 0 && value < 1e6) {
    const message = `is taken as nanoseconds; write ${raw.text}s for seconds`;
    notices.warn({ path, origin: raw.origin, value: raw.text, message });
  }
  const milliseconds =
    typeof value === 'number' ? Math.trunc(value) / 1e6 : tryParseGoDuration(raw.text);
  if (milliseconds === undefined || !Number.isFinite(milliseconds)) {
    return fault('must be a duration such as 10s, 1h30m or 100ms');
  }
  const least = schema.minimumMs;
  if (least === undefined || milliseconds >= least) return milliseconds;
  return fault(least === 0 ? 'must not be negative' : `must be at least ${least / 1000}s`);
}

function choiceOf(raw: RawScalar, schema: OptionSchema): string | undefined {
  const values = schema['x-values'] ?? [];
  if (values.includes(raw.text)) return raw.text;
  if (!schema['x-ignore-case']) return undefined;
  return values.find((value) => value.toLowerCase() === raw.text.toLowerCase());
}

function choiceMessage(raw: RawScalar, schema: OptionSchema): string {
  const values = schema['x-values'] ?? [];
  return `must be one of [${values.join(', ')}]${suggestion(raw.text, values)}`;
}

/** The value for a message, masked when the schema says it is secret. */
export function shownScalar(raw: RawNode, schema: OptionSchema): { value?: string } {
  if (raw.kind !== 'scalar') return {};
  return { value: shapeOf(schema) === 'secret' ? '***' : shownValue(raw.text) };
}
