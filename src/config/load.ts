/**
 * Loads the configuration: file, environment, conversion, rules, defaults, freeze. Called once by main, before
 * anything else exists. Reads the file and nothing more; prints nothing.
 */

import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { errorText } from '../errors.ts';
import { type ConvertContext, convertSection, type Origins } from './convert.ts';
import { applyEnvironment } from './environment.ts';
import { type Notice, Notices, type Origin } from './faults.ts';
import { normalize } from './normalize.ts';
import { notBuilt } from './not-built.ts';
import { emptyMap, isNull, kindName, plainScalar, type RawMap } from './raw.ts';
import { checkAuth } from './rules/auth.ts';
import { RuleContext } from './rules/context.ts';
import { checkHttp } from './rules/http.ts';
import { checkMiddleware } from './rules/middleware.ts';
import { checkServices } from './rules/services.ts';
import { checkStorage } from './rules/storage.ts';
import { type Config, type Draft, propertiesOf, wholeFile } from './schema.ts';
import { dropLenientValues, expandShorthand, fillPresence } from './shorthand.ts';
import { parseYaml } from './yaml.ts';

export interface LoadRequest {
  /** Path of the file; absent = `REGISTRY_CONFIGURATION_PATH`. */
  readonly path?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Warnings become faults. */
  readonly strict?: boolean;
}

export type LoadResult =
  | {
      readonly ok: true;
      readonly path: string;
      /** The file as it was read, for processes that start later. */
      readonly text: string;
      readonly config: Config;
      readonly warnings: readonly Notice[];
      /** Where each value came from, by path. */
      readonly origins: Origins;
    }
  | {
      readonly ok: false;
      readonly path: string | undefined;
      readonly faults: readonly Notice[];
      readonly warnings: readonly Notice[];
    };

/** Never rejects: what is wrong is in the result. */
export async function loadConfig(request: LoadRequest): Promise<LoadResult> {
  const path = request.path ?? request.env['REGISTRY_CONFIGURATION_PATH'];
  if (path === undefined || path === '') {
    const faults = [{ path: '', message: 'configuration path unspecified' }];
    return { ok: false, path: undefined, faults, warnings: [] };
  }
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const faults = [{ path: '', message: `cannot read the file: ${errorText(error)}` }];
    return { ok: false, path, faults, warnings: [] };
  }
  if (!isUtf8(bytes)) {
    const origin: Origin = { kind: 'file', line: firstLineNotUtf8(bytes) };
    const faults = [{ path: '', origin, message: 'not valid UTF-8; save the file as UTF-8' }];
    return { ok: false, path, faults, warnings: [] };
  }
  return parseConfig(bytes.toString(), { ...request, path });
}

function firstLineNotUtf8(bytes: Buffer): number {
  let start = 0;
  for (let line = 1; ; line++) {
    const end = bytes.indexOf('\n', start);
    if (end < 0 || !isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
}

/** The same for text already read. */
export function parseConfig(
  text: string,
  request: LoadRequest & { readonly path: string },
): LoadResult {
  const notices = new Notices();
  const origins: Origins = new Map();
  const { path } = request;
  const root = readTree(text, request.env, notices);
  const config = root === undefined ? undefined : check(root, { notices, origins });
  const faults = request.strict ? [...notices.faults, ...notices.warnings] : notices.faults;
  const warnings = request.strict ? [] : notices.warnings;
  if (config === undefined || faults.length > 0) return { ok: false, path, faults, warnings };
  return { ok: true, path, text, config: deepFreeze(config), warnings, origins };
}

/** YAML and environment, not yet checked; `undefined` when the text is no YAML section at all. */
function readTree(text: string, env: LoadRequest['env'], notices: Notices): RawMap | undefined {
  const parsed = parseYaml(text, notices);
  if (parsed === undefined) return undefined;
  const root = isNull(parsed) ? emptyMap(parsed.origin) : parsed;
  if (root.kind !== 'map') {
    const message = `the file must be a section with keys, not ${kindName(root)}`;
    notices.fault({ path: '', origin: root.origin, message });
    return undefined;
  }
  checkVersion(root, notices);
  expandShorthand(root);
  applyEnvironment(root, env, notices);
  fillPresence(root);
  dropLenientValues(root, notices);
  return root;
}

function checkVersion(root: RawMap, notices: Notices): void {
  const node = root.entries.get('version');
  const version = node?.kind === 'scalar' && !isNull(node) ? node.text : '';
  if (version === '0.1') return;
  const isWellFormed = version === '' || /^\d+\.\d+$/.test(version);
  notices.fault({
    path: 'version',
    ...(node === undefined ? {} : { origin: node.origin }),
    message: isWellFormed
      ? `unsupported version: "${version}"; the only one is 0.1`
      : `"${version}" is not a version number: write version: 0.1`,
  });
}

function check(root: RawMap, context: ConvertContext): Config {
  const { notices, origins } = context;
  const draft = convertSection(withoutReported(root, origins), wholeFile, '', context) as Draft;
  const rules = new RuleContext(draft, root, notices, origins);
  checkStorage(rules);
  checkAuth(rules);
  checkHttp(rules);
  checkServices(rules);
  checkMiddleware(rules);
  for (const { uses, message } of notBuilt) {
    for (const path of uses(draft)) rules.fault(path, message);
  }
  return normalize(draft, origins);
}

/**
 * The tree without what has messages of its own: the version, and names under `storage` and `auth` that are no driver
 * or provider.
 */
function withoutReported(root: RawMap, origins: Origins): RawMap {
  const entries = new Map(root.entries);
  entries.set('version', plainScalar('0.1', root.entries.get('version')?.origin ?? root.origin));
  for (const key of ['storage', 'auth']) {
    const section = entries.get(key);
    if (section?.kind !== 'map') continue;
    const known = knownKeys(key);
    const kept = [...section.entries].filter(([name, node]) => {
      if (!known.has(name)) origins.set(`${key}.${name}`, node.origin);
      return known.has(name);
    });
    entries.set(key, { ...section, entries: new Map(kept) });
  }
  return { ...root, entries };
}

function knownKeys(section: string): ReadonlySet<string> {
  const properties = propertiesOf(wholeFile.properties?.[section] ?? {});
  return new Set(properties.flatMap(([key, { aliases }]) => [key, ...(aliases ?? [])]));
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const child of Object.values(value)) deepFreeze(child);
  return value;
}
