/**
 * `REGISTRY_*` environment variables, laid over the raw tree in the order of their names. Each underscore goes one
 * level deeper; the value is YAML. Types are checked later with everything else, and faults then name the variable.
 */

import { Notices as NoticeList, type Notices, type Origin } from './faults.ts';
import { emptyMap, isNull, type RawMap, type RawNode, type RawScalar } from './raw.ts';
import {
  itemSchema,
  joinPath,
  type OptionSchema,
  propertiesOf,
  shapeOf,
  wholeFile,
} from './schema.ts';
import { expandShorthand } from './shorthand.ts';
import { nearest } from './suggest.ts';
import { parseYaml } from './yaml.ts';

const prefix = 'REGISTRY_';

/** Not overrides: the path of the file, and a version that has been checked before. */
const reserved: ReadonlySet<string> = new Set(['REGISTRY_CONFIGURATION_PATH', 'REGISTRY_VERSION']);

/** What Kubernetes and docker links set for a service that is called "registry". */
const serviceLink =
  /^REGISTRY_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?|NAME)$/;

/** Distribution's own names for keys, where they are not the YAML key. Both spellings work. */
const sourceNames: Readonly<Record<string, string>> = {
  'notifications.events': 'EVENTCONFIG',
  'health.file': 'FILECHECKERS',
  'health.http': 'HTTPCHECKERS',
  'health.tcp': 'TCPCHECKERS',
  'log.hooks[].options': 'MAILOPTIONS',
};

/** Changes `root` by each variable of `env` that is an override. */
export function applyEnvironment(
  root: RawMap,
  env: Readonly<Record<string, string | undefined>>,
  notices: Notices,
): void {
  const names = Object.keys(env).filter((name) => name.startsWith(prefix));
  names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const name of names) {
    if (reserved.has(name) || serviceLink.test(name)) continue;
    new Override(name, env[name] ?? '', notices).apply(root);
    expandShorthand(root);
  }
}

/** The value of a variable; `undefined` after a fault, which names the variable and shows nothing of the value. */
function parseValue(name: string, text: string, notices: Notices): RawNode | undefined {
  const own = new NoticeList();
  const value = parseYaml(text, own, name);
  // What Node.js puts in the place of bytes that are no UTF-8.
  if (text.includes('\ufffd')) own.fault({ path: '', message: 'yaml: not valid UTF-8' });
  for (const { message } of own.faults) {
    notices.fault({ path: '', message: `parsing environment variable ${name}: ${message}` });
  }
  notices.warnings.push(...own.warnings);
  if (value === undefined || own.faults.length > 0) return undefined;
  if (own.warnings.length === 0 && value.kind === 'scalar' && isCut(value, text)) {
    const what = value.text === '' ? 'is taken as empty' : 'is used in part';
    const message = `${what}: #, !, & and --- have a meaning in YAML; put text in quotes`;
    notices.warn({ path: '', origin: { kind: 'variable', name }, message });
  }
  return value;
}

/** Whether YAML has left out some of a plain value: a comment, an anchor, a second document. */
function isCut({ isPlain, text }: RawScalar, source: string): boolean {
  return isPlain && text.replaceAll(/\s/g, '') !== source.replaceAll(/\s/g, '');
}

/** A place in the tree that a value can be read from and written to. */
interface Slot {
  readonly node: RawNode | undefined;
  set(node: RawNode): void;
}

class Override {
  readonly #name: string;
  readonly #text: string;
  readonly #notices: Notices;
  readonly #origin: Origin;

  constructor(name: string, text: string, notices: Notices) {
    this.#name = name;
    this.#text = text;
    this.#notices = notices;
    this.#origin = { kind: 'variable', name };
  }

  apply(root: RawMap): void {
    const parts = this.#name.slice(prefix.length).split('_');
    this.#section({ node: root, set: () => {} }, wholeFile, parts, '');
  }

  #descend(slot: Slot, schema: OptionSchema, parts: readonly string[], path: string): void {
    if (parts.length === 0) {
      // Not before: variables of other programs that begin alike may hold anything.
      const value = parseValue(this.#name, this.#text, this.#notices);
      if (value !== undefined) slot.set(value);
      return;
    }
    const shape = shapeOf(schema);
    const isIndexed = shape === 'list' || (shape === 'any' && slot.node?.kind === 'list');
    const item = shape === 'any' ? schema : itemSchema(schema);
    if (shape === 'section') this.#section(slot, schema, parts, path);
    else if (isIndexed) this.#list(slot, item, parts, path);
    else if (shape === 'map' || shape === 'any') this.#map(slot, item, parts, path);
    else this.#ignore(`${path} is a single value`);
  }

  #section(slot: Slot, schema: OptionSchema, parts: readonly string[], path: string): void {
    // Drivers and providers are free maps in Distribution: their names match in any case.
    const isFreeMap = /^(storage|auth)(\.|$)/.test(path);
    for (let count = 1; count <= parts.length; count++) {
      const given = parts.slice(0, count).join('_');
      const wanted = isFreeMap ? given.toUpperCase() : given;
      for (const [key, child] of propertiesOf(schema)) {
        const match = keyNamed(wanted, key, child, joinPath(path, key));
        if (match === undefined) continue;
        const map = this.#mapIn(slot, path);
        if (map === undefined) return;
        this.#descend(slotOf(map, match), child, parts.slice(count), joinPath(path, key));
        return;
      }
    }
    const [part = '', ...rest] = parts;
    if (path === 'redis' && part === 'OPTIONS' && rest.length > 0) {
      this.#section(slot, schema, rest, path);
    } else if (path === 'storage' || path === 'auth') {
      // An unknown driver or provider is created, so that the start is refused by its name.
      this.#map(slot, { 'x-kind': 'any' }, parts, path);
    } else {
      this.#unrecognized(schema, parts, path);
    }
  }

  #map(slot: Slot, item: OptionSchema, parts: readonly string[], path: string): void {
    const map = this.#mapIn(slot, path);
    const [part = '', ...rest] = parts;
    if (map === undefined) return;
    let key = part.toLowerCase();
    if (rest.length > 0) {
      for (const [existing, node] of map.entries) {
        if (existing.toUpperCase() === part && !isNull(node)) key = existing;
      }
    }
    this.#descend(slotOf(map, key), item, rest, joinPath(path, key));
  }

  #list(slot: Slot, item: OptionSchema, parts: readonly string[], path: string): void {
    const [part = '', ...rest] = parts;
    const given = slot.node;
    const list: RawNode =
      given === undefined || isNull(given)
        ? { kind: 'list', items: [], origin: this.#origin }
        : given;
    if (list.kind !== 'list') {
      this.#ignore(`${path} is not a list`);
      return;
    }
    const { items } = list;
    const index = /^\d+$/.test(part) ? Number(part) : Number.NaN;
    if (!(index <= items.length)) {
      const cause = Number.isNaN(index) ? 'non-numeric index' : 'undefined index';
      const message = `parsing environment variable ${this.#name}: ${cause}: ${part}`;
      this.#notices.fault({ path, message });
      return;
    }
    slot.set(list);
    const place: Slot = {
      node: items[index],
      set: (node) => {
        items[index] = node;
      },
    };
    this.#descend(place, item, rest, `${path}[${index}]`);
  }

  /** The map in a slot, made when there is nothing; `undefined` (and a warning) when a plain value is in the way. */
  #mapIn(slot: Slot, path: string): RawMap | undefined {
    if (slot.node?.kind === 'map') return slot.node;
    if (slot.node !== undefined && !isNull(slot.node)) {
      this.#ignore(`${path} is not a section`);
      return undefined;
    }
    const map = emptyMap(this.#origin);
    slot.set(map);
    return map;
  }

  #ignore(reason: string): void {
    this.#notices.warn({
      path: '',
      message: `Ignoring environment variable ${this.#name}: ${reason}`,
    });
  }

  #unrecognized(schema: OptionSchema, parts: readonly string[], path: string): void {
    const [part = '', ...rest] = parts;
    const known = propertiesOf(schema).map(([key]) => key.toUpperCase());
    const before = this.#name.slice(0, this.#name.length - parts.join('_').length);
    // A part may be missing or run together, so the whole rest is compared where the first part is unlike all.
    const found = nearest(part, known);
    const whole =
      found === undefined ? nearest(this.#name, variableNames(schema, path, before)) : undefined;
    const guess = found === undefined ? whole : [before + found, ...rest].join('_').toUpperCase();
    this.#notices.warn({
      path: '',
      message: `Ignoring unrecognized environment variable ${this.#name}${
        guess === undefined ? '' : `; did you mean ${guess}?`
      }`,
    });
  }
}

function slotOf(map: RawMap, key: string): Slot {
  return { node: map.entries.get(key), set: (node) => void map.entries.set(key, node) };
}

/** The key under which an override of this property goes: its own, an alias's, or none when `wanted` is another. */
function keyNamed(
  wanted: string,
  key: string,
  schema: OptionSchema,
  path: string,
): string | undefined {
  const pattern = path.replace(/\[\d+\]/g, '[]');
  if (wanted === key.toUpperCase() || wanted === sourceNames[pattern]) return key;
  return schema.aliases?.find((alias) => alias.toUpperCase() === wanted);
}

/** The names of the variables for the single values below a section; list elements as index 0. */
function variableNames(schema: OptionSchema, path: string, before: string): string[] {
  return propertiesOf(schema).flatMap(([key, child]) => {
    const name = before + key.toUpperCase();
    const childPath = joinPath(path, key);
    if (shapeOf(child) === 'section') return variableNames(child, childPath, `${name}_`);
    const isSectionList = shapeOf(child) === 'list' && shapeOf(itemSchema(child)) === 'section';
    return isSectionList ? variableNames(itemSchema(child), childPath, `${name}_0_`) : [name];
  });
}
