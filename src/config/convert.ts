/**
 * Turns the raw tree into values by the schema: kinds, bounds, required keys, defaults. Reports every fault it meets
 * and goes on with a stand-in, so that one start tells all of them. Rules over several keys are in rules/.
 */

import { Secret } from '../options/secret.ts';
import { convertScalar, shownScalar } from './convert-scalar.ts';
import type { Notices, Origin } from './faults.ts';
import { isNull, kindName, type RawNode, rawToPlain } from './raw.ts';
import {
  isRequired,
  itemSchema,
  joinPath,
  type OptionSchema,
  propertiesOf,
  type Shape,
  shapeOf,
} from './schema.ts';
import { suggestion } from './suggest.ts';

/** Where each value came from, by dotted path; sections and lists included. */
export type Origins = Map<string, Origin>;

export interface ConvertContext {
  readonly notices: Notices;
  readonly origins: Origins;
}

const byDefault: Origin = { kind: 'default' };

/** Values that stand in for a required key that is missing or wrong, so that later checks can run. */
function standIn(schema: OptionSchema): unknown {
  const values: Partial<Record<Shape, unknown>> = {
    string: '',
    choice: '',
    secret: new Secret(''),
    list: [],
    map: {},
    boolean: false,
    looseBoolean: false,
    any: null,
  };
  const shape = shapeOf(schema);
  return shape in values ? values[shape] : 0;
}

/** Converts a section; `raw` absent or null gives all its defaults. */
export function convertSection(
  raw: RawNode | undefined,
  schema: OptionSchema,
  path: string,
  context: ConvertContext,
): Record<string, unknown> {
  const { notices, origins } = context;
  const isGiven = raw !== undefined && !isNull(raw);
  if (path !== '') origins.set(path, isGiven ? raw.origin : byDefault);
  if (isGiven && raw.kind !== 'map') {
    notices.fault({
      path,
      origin: raw.origin,
      message: `must be a section with keys of its own, not ${kindName(raw)}`,
    });
    return convertSection(undefined, schema, path, context);
  }
  const entries: ReadonlyMap<string, RawNode> =
    isGiven && raw.kind === 'map' ? raw.entries : new Map();
  warnUnknownKeys(entries, schema, path, context);
  const result: Record<string, unknown> = {};
  for (const [key, property] of propertiesOf(schema)) {
    const childPath = joinPath(path, key);
    const child = entries.get(key) ?? aliasedEntry(entries, property, path, key, context);
    const value = convertProperty(child, property, childPath, isRequired(schema, key), context);
    if (value !== undefined) result[key] = value;
  }
  return result;
}

function convertProperty(
  raw: RawNode | undefined,
  schema: OptionSchema,
  path: string,
  required: boolean,
  context: ConvertContext,
): unknown {
  const { notices, origins } = context;
  const isEmpty = raw === undefined || isNull(raw) || isEmptyText(raw, schema);
  if (!isEmpty && schema.deprecated !== undefined) {
    notices.warn({ path, origin: raw.origin, message: `deprecated: ${schema.deprecated}` });
  }
  if (shapeOf(schema) === 'section') {
    return isEmpty && !required ? undefined : convertSection(raw, schema, path, context);
  }
  const value = isEmpty ? undefined : convertValue(raw, schema, path, context);
  if (value !== undefined) {
    origins.set(path, raw?.origin ?? byDefault);
    return value;
  }
  if (schema.default !== undefined) {
    if (isEmpty) origins.set(path, byDefault);
    return schema.default;
  }
  if (!required) return undefined;
  if (isEmpty) {
    notices.fault({
      path,
      ...(raw === undefined ? nearestOrigin(path, origins) : { origin: raw.origin }),
      message: 'is required',
    });
  }
  return standIn(schema);
}

/** Converts anything that is present; `undefined` after a fault. */
export function convertValue(
  raw: RawNode,
  schema: OptionSchema,
  path: string,
  context: ConvertContext,
): unknown {
  const shape = shapeOf(schema);
  switch (shape) {
    case 'section':
      return convertSection(raw, schema, path, context);
    case 'list':
      return convertList(raw, schema, path, context);
    case 'map':
      return convertMap(raw, schema, path, context);
    case 'any':
      return rawToPlain(raw);
    default:
      return convertScalar(raw, shape, schema, path, context.notices);
  }
}

function convertList(
  raw: RawNode,
  schema: OptionSchema,
  path: string,
  context: ConvertContext,
): unknown {
  if (raw.kind !== 'list') {
    context.notices.fault({
      path,
      origin: raw.origin,
      ...shownScalar(raw, itemSchema(schema)),
      message: `must be a list, for example [a, b], not ${kindName(raw)}`,
    });
    return undefined;
  }
  return raw.items.map((item, index) => convertItem(item, schema, `${path}[${index}]`, context));
}

function convertMap(
  raw: RawNode,
  schema: OptionSchema,
  path: string,
  context: ConvertContext,
): unknown {
  if (raw.kind !== 'map') {
    const message = `must be a section of names and values, not ${kindName(raw)}`;
    context.notices.fault({ path, origin: raw.origin, message });
    return undefined;
  }
  return Object.fromEntries(
    [...raw.entries].map(([key, item]) => [
      key,
      convertItem(item, schema, joinPath(path, key), context),
    ]),
  );
}

function convertItem(
  raw: RawNode,
  parent: OptionSchema,
  path: string,
  context: ConvertContext,
): unknown {
  const schema = itemSchema(parent);
  context.origins.set(path, raw.origin);
  const shape = shapeOf(schema);
  if (isNull(raw) && shape !== 'section') {
    if (!['string', 'secret', 'any', 'list', 'map'].includes(shape)) {
      context.notices.fault({ path, origin: raw.origin, message: 'must not be empty' });
    }
    return standIn(schema);
  }
  return convertValue(raw, schema, path, context) ?? standIn(schema);
}

/** In Go an empty string is the same as a missing key. */
function isEmptyText(raw: RawNode, schema: OptionSchema): boolean {
  const isText = ['string', 'secret', 'choice'].includes(shapeOf(schema));
  return isText && raw.kind === 'scalar' && raw.text === '';
}

function warnUnknownKeys(
  entries: ReadonlyMap<string, RawNode>,
  schema: OptionSchema,
  path: string,
  { notices }: ConvertContext,
): void {
  const known = propertiesOf(schema).flatMap(([key, { aliases }]) => [key, ...(aliases ?? [])]);
  for (const [key, node] of entries) {
    if (known.includes(key)) continue;
    // A pair without a space after its colon is all key, and the value may be secret: `{password:hunter2}`.
    const [name = '', ...rest] = key.split(/[:=]/);
    const guess = suggestion(name, known);
    const isPieceOfText = node.kind === 'scalar' && node.isLone === true && guess === '';
    notices.warn({
      path: joinPath(path, isPieceOfText ? '***' : name + (rest.length > 0 ? ':***' : '')),
      origin: node.origin,
      message: `unknown key, ignored${guess}`,
    });
  }
}

/** The value under another spelling of a key; old spellings of single values are deprecated. */
function aliasedEntry(
  entries: ReadonlyMap<string, RawNode>,
  schema: OptionSchema,
  path: string,
  key: string,
  { notices }: ConvertContext,
): RawNode | undefined {
  for (const alias of schema.aliases ?? []) {
    const node = entries.get(alias);
    if (node === undefined) continue;
    if (shapeOf(schema) !== 'section') {
      const message = `deprecated: use ${key}`;
      notices.warn({ path: joinPath(path, alias), origin: node.origin, message });
    }
    return node;
  }
  return undefined;
}

/** The origin of a path or of the nearest section around it that was given. */
export function nearestOrigin(path: string, origins: Origins): { origin?: Origin } {
  for (let at = path; at !== ''; at = at.replace(/(^|\.|\[)[^.[]*$/, '')) {
    const origin = origins.get(at);
    if (origin !== undefined && origin.kind !== 'default') return { origin };
  }
  return {};
}
