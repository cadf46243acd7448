/**
 * Builders for config schemas: TypeBox types marked with how YAML text becomes a value.
 * Each room describes its own section with them (its `options.ts`); config/ joins the sections, converts and checks.
 * Only TypeBox's types are used: loading its code would take 14 MiB of every process for what a few lines do.
 */

import type {
  Static,
  TObject,
  TObjectOptions,
  TOptional,
  TProperties,
  TSchema,
  TUnsafe,
} from 'typebox';
import type { Secret } from './secret.ts';

/**
 * How config/ converts a raw YAML value, read from the schema's `x-kind`.
 *
 * string   any plain scalar, kept as written          -> string
 * secret   as string                                  -> Secret
 * boolean  YAML 1.1 boolean (a quoted one is a fault) -> boolean
 * looseBoolean  the same or the strings Go's ParseBool takes (driver sections) -> boolean
 * integer  integer                                    -> number
 * looseInteger  integer or a string that is one (driver sections) -> number
 * duration Go duration string or integer nanoseconds  -> number of milliseconds
 * choice   one of x-values, compared without case when x-ignore-case -> string
 * any      left as parsed (free-form)                 -> unknown
 */
export type OptionKind =
  | 'string'
  | 'secret'
  | 'boolean'
  | 'looseBoolean'
  | 'integer'
  | 'looseInteger'
  | 'duration'
  | 'choice'
  | 'any';

interface Described {
  /** One sentence for the reference page: what it does, unit, what is allowed. */
  readonly description: string;
  /** In the converted form (durations in milliseconds). A key with a default is always present after loading. */
  readonly default?: unknown;
  /** Set with the message to warn with, when the key is deprecated. */
  readonly deprecated?: string;
  /** Other spellings of the key, e.g. `layerinfo` for `blobdescriptor`. */
  readonly aliases?: readonly string[];
}

function kind<T>(kindName: OptionKind, options: Described, extra: object = {}): TUnsafe<T> {
  return unsafe<T>({ 'x-kind': kindName, ...options, ...extra });
}

/** A schema whose static type is said and not derived. */
function unsafe<T>(schema: object): TUnsafe<T> {
  return schema as TUnsafe<T>;
}

/** Any plain scalar, as text. */
export function text(options: Described): TUnsafe<string> {
  return kind<string>('string', options);
}

/** A regular expression. */
export function pattern(options: Described): TUnsafe<string> {
  return kind<string>('string', options, { 'x-pattern': true });
}

/** Text that never appears in logs, errors or `longshore config`. */
export function secret(options: Described): TUnsafe<Secret> {
  return kind<Secret>('secret', options);
}

export function bool(options: Described & { loose?: boolean }): TUnsafe<boolean> {
  return kind<boolean>(options.loose ? 'looseBoolean' : 'boolean', options);
}

export function int(
  options: Described & {
    minimum?: number;
    maximum?: number;
    multipleOf?: number;
    loose?: boolean;
  },
): TUnsafe<number> {
  return kind<number>(options.loose ? 'looseInteger' : 'integer', options);
}

/** Converted to milliseconds. `minimumMs` is a fault below it. */
export function duration(options: Described & { minimumMs?: number }): TUnsafe<number> {
  return kind<number>('duration', options);
}

export function choice<const V extends readonly string[]>(
  values: V,
  options: Described & { ignoreCase?: boolean },
): TUnsafe<V[number]> {
  return kind<V[number]>('choice', options, {
    'x-values': values,
    'x-ignore-case': options.ignoreCase ?? false,
  });
}

/** Free-form value, left as parsed. */
export function anything(options: Described): TUnsafe<unknown> {
  return kind<unknown>('any', options);
}

export function list<T extends TSchema>(
  items: T,
  options: Described,
): TUnsafe<readonly Static<T>[]> {
  return unsafe<readonly Static<T>[]>({ type: 'array', items, ...options });
}

/** A map with free keys, e.g. header name -> list of values. */
export function mapOf<T extends TSchema>(
  values: T,
  options: Described,
): TUnsafe<Readonly<Record<string, Static<T>>>> {
  return unsafe<Readonly<Record<string, Static<T>>>>({
    type: 'object',
    patternProperties: { '^.*$': values },
    'x-values-schema': values,
    ...options,
  });
}

/** Marks a key that may be absent (and has no default). */
export function optional<T extends TSchema>(schema: T): TOptional<T> {
  // Not enumerable: the mark is for the section around it and no part of the schema.
  return Object.defineProperty({ ...schema }, optionalMark, { value: true }) as TOptional<T>;
}

const optionalMark = '~optional';

/** A section with fixed keys. Unknown keys are warnings with a suggestion. Use `optional()` for keys that may be absent. */
function section<P extends TProperties>(properties: P, options: TObjectOptions = {}): TObject<P> {
  const required = Object.keys(properties).filter(
    (key) => !Object.hasOwn(properties[key] as TSchema, optionalMark),
  );
  const schema: object = {
    type: 'object',
    ...(required.length === 0 ? {} : { required }),
    properties,
    ...options,
  };
  return schema as TObject<P>;
}

/** As TypeBox writes it. */
export const Type: {
  readonly Object: <P extends TProperties>(properties: P, options?: TObjectOptions) => TObject<P>;
} = { Object: section };
