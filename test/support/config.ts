/** Loads configuration text for tests, with or without variables, and unwraps the result. */

import { formatFaults, formatNotice } from '../../src/config/faults.ts';
import { type LoadResult, parseConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';

export type Variables = Readonly<Record<string, string>>;

/** The least file that loads. */
export const minimal = 'version: 0.1\nstorage: inmemory\n';

export function load(text: string, env: Variables = {}, strict = false): LoadResult {
  return parseConfig(text, { path: 'config.yml', env, strict });
}

/** The configuration; throws with the faults' text when it is refused. */
export function loaded(text: string, env: Variables = {}): Config {
  const result = load(text, env);
  if (!result.ok) throw new Error(formatFaults(result));
  return result.config;
}

/** The lines of the faults; throws when there are none. */
export function faultsOf(text: string, env: Variables = {}, strict = false): string[] {
  const result = load(text, env, strict);
  if (result.ok) throw new Error('the configuration was accepted');
  return result.faults.map(formatNotice);
}

export function warningsOf(text: string, env: Variables = {}): string[] {
  return load(text, env).warnings.map(formatNotice);
}
