/**
 * YAML text into a raw tree, as yaml.v2 reads it: first document only, the last of duplicate keys wins (with a
 * warning), anchors and merge keys, scalars kept as written. Types are found later, by what the schema wants.
 */

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
} from 'yaml';
import type { Notices, Origin } from './faults.ts';
import { emptyMap, plainScalar, type RawMap, type RawNode } from './raw.ts';

/** Far above any real configuration; stops aliases that multiply. */
const maxNodes = 100_000;

/**
 * Parses `text`. Faults and warnings go to `notices`; the result is `undefined` after a fault.
 *
 * @param variable  Name of the environment variable the text came from; absent for a file.
 */
export function parseYaml(text: string, notices: Notices, variable?: string): RawNode | undefined {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    schema: 'failsafe',
    version: '1.1',
    uniqueKeys: false,
    lineCounter: lines,
    logLevel: 'silent',
  });
  const document = 'empty' in documents ? undefined : documents[0];
  const originAt = (offset: number): Origin =>
    variable === undefined
      ? { kind: 'file', line: lines.linePos(offset).line }
      : { kind: 'variable', name: variable };
  if (document === undefined) return plainScalar('', originAt(0));
  if (document.errors.length > 0) {
    for (const error of document.errors) {
      // The parser quotes what it read, and a variable may hold a secret.
      const message =
        variable === undefined
          ? `yaml: ${(error.message.split('\n')[0] ?? '').replace(/ at line .*$/, '')}`
          : 'yaml: the value is not valid YAML; put it in quotes if it is text';
      notices.fault({ path: '', origin: originAt(error.pos[0]), message });
    }
    return undefined;
  }
  try {
    return new TreeBuilder(document, originAt, notices).build(document.contents, '');
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    notices.fault({
      path: '',
      origin: originAt(0),
      message: 'yaml: document contains excessive aliasing',
    });
    return undefined;
  }
}

class TreeBuilder {
  readonly #document: Document;
  readonly #originAt: (offset: number) => Origin;
  readonly #notices: Notices;
  #count = 0;

  constructor(document: Document, originAt: (offset: number) => Origin, notices: Notices) {
    this.#document = document;
    this.#originAt = originAt;
    this.#notices = notices;
  }

  build(node: unknown, path: string): RawNode {
    this.#count += 1;
    if (this.#count > maxNodes) throw new RangeError('document contains excessive aliasing');
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
      const child = this.build(value, path === '' ? name : `${path}.${name}`);
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
