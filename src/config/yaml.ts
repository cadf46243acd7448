/**
 * YAML text into a raw tree, as yaml.v2 reads it: first document only, the last of duplicate keys wins (with a
 * warning), anchors and merge keys, scalars kept as written. Types are found later, by what the schema wants.
 */

import {
  type Document,
  type EmptyStream,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
} from 'yaml';
import type { Notices, Origin } from './faults.ts';
import { emptyMap, plainScalar, type RawMap, type RawNode } from './raw.ts';
import { yamlDoubts, yamlFaults } from './yaml-faults.ts';

/** Far above any real configuration; these stop aliases that multiply or contain themselves. */
const maxNodes = 100_000;
const maxDepth = 100;

/**
 * Parses `text`. Faults and warnings go to `notices`, without anything of the text; the result is `undefined` after a
 * fault.
 *
 * @param variable  Name of the environment variable the text came from; absent for a file.
 */
export function parseYaml(text: string, notices: Notices, variable?: string): RawNode | undefined {
  const lines = new LineCounter();
  const originAt = (offset: number): Origin =>
    variable === undefined
      ? { kind: 'file', line: lines.linePos(offset).line || 1 }
      : { kind: 'variable', name: variable };
  try {
    return parseFirst(text, lines, originAt, notices);
  } catch (error) {
    // Thrown by the tree builder, and by the parser itself when the nesting exhausts the stack.
    if (!(error instanceof RangeError)) throw error;
    const message = 'yaml: document contains excessive aliasing or nesting';
    notices.fault({ path: '', origin: originAt(0), message });
    return undefined;
  }
}

function parseFirst(
  text: string,
  lines: LineCounter,
  originAt: (offset: number) => Origin,
  notices: Notices,
): RawNode | undefined {
  const documents = parseAllDocuments(text, {
    schema: 'failsafe',
    version: '1.1',
    uniqueKeys: false,
    lineCounter: lines,
    logLevel: 'silent',
  });
  const [document] = documents;
  const stream = document ?? (documents as EmptyStream);
  const faults = yamlFaults(text, stream, document === undefined);
  const told = new Set<number>();
  for (const { offset, message } of faults) {
    const { line, col } = lines.linePos(offset);
    // What else is wrong with a line mostly follows from the first fault.
    if (told.has(line)) continue;
    told.add(line);
    const origin = originAt(offset);
    const place = `${origin.kind === 'file' ? '' : `line ${line}, `}column ${col}`;
    notices.fault({ path: '', origin, message: `yaml: ${place}: ${message}` });
  }
  if (faults.length > 0) return undefined;
  for (const { offset, message } of yamlDoubts(text, stream.warnings)) {
    notices.warn({ path: '', origin: originAt(offset), message: `yaml: ${message}` });
  }
  if (document === undefined) return plainScalar('', originAt(0));
  return new TreeBuilder(document, originAt, notices).build(document.contents, '');
}

class TreeBuilder {
  readonly #document: Document;
  readonly #originAt: (offset: number) => Origin;
  readonly #notices: Notices;
  #count = 0;
  #depth = 0;

  constructor(document: Document, originAt: (offset: number) => Origin, notices: Notices) {
    this.#document = document;
    this.#originAt = originAt;
    this.#notices = notices;
  }

  build(node: unknown, path: string): RawNode {
    this.#count += 1;
    this.#depth += 1;
    if (this.#count > maxNodes || this.#depth > maxDepth) throw new RangeError('too many nodes');
    const built = this.#node(node, path);
    this.#depth -= 1;
    return built;
  }

  #node(node: unknown, path: string): RawNode {
    const start = (node as { range?: [number, number, number] } | null)?.range?.[0] ?? 0;
    const origin = this.#originAt(start);
    if (isAlias(node)) {
      const target = node.resolve(this.#document);
      if (target !== undefined) return this.build(target, path);
      this.#notices.fault({
        path,
        origin,
        message: 'yaml: unknown anchor; put text with * in quotes',
      });
    }
    if (isMap(node)) return this.#map(node.items, path, origin);
    if (isSeq(node)) {
      const items = node.items.map((item, index) => this.build(item, `${path}[${index}]`));
      return { kind: 'list', items, origin };
    }
    if (isScalar(node)) {
      const isText = node.type !== 'PLAIN' || node.tag === 'tag:yaml.org,2002:str';
      const text = node.type === 'PLAIN' ? (node.source ?? '') : String(node.value ?? '');
      if (node.anchor !== undefined && !isText && text === '') {
        const message = 'yaml: an anchor without a value; put text that begins with & in quotes';
        this.#notices.warn({ path, origin, message });
      }
      return { kind: 'scalar', text, isPlain: !isText, origin };
    }
    return plainScalar('', origin);
  }

  #map(pairs: readonly { key: unknown; value: unknown }[], path: string, origin: Origin): RawMap {
    const map = emptyMap(origin);
    const merged: RawNode[] = [];
    for (const { key, value } of pairs) {
      const name = isScalar(key) ? String(key.value ?? '') : undefined;
      const keyOrigin = this.#originAt((key as { range?: number[] } | null)?.range?.[0] ?? 0);
      if (name === undefined) {
        this.#notices.fault({ path, origin: keyOrigin, message: 'yaml: a key must be plain text' });
        continue;
      }
      const child =
        value === null
          ? { ...plainScalar('', keyOrigin), isLone: true }
          : this.build(value, path === '' ? name : `${path}.${name}`);
      if (name === '<<' && isScalar(key) && key.type === 'PLAIN') {
        merged.push(...(child.kind === 'list' ? child.items : [child]));
        continue;
      }
      if (map.entries.has(name)) {
        this.#notices.warn({
          path: path === '' ? name : `${path}.${name}`,
          origin: keyOrigin,
          message: 'the key occurs twice; this last one is used',
        });
      }
      // A value on a later line than its key is still found by the key's line: that is where operators look.
      map.entries.set(name, child.kind === 'scalar' ? child : { ...child, origin: keyOrigin });
    }
    for (const source of merged) {
      if (source.kind !== 'map') continue;
      for (const [name, child] of source.entries) {
        if (!map.entries.has(name)) map.entries.set(name, child);
      }
    }
    return map;
  }
}
