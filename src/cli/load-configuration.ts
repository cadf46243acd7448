/** Loads the configuration for commands other than `serve`: what is wrong or doubtful with it goes to standard error. */

import { formatFaults, formatNotice } from '../config/faults.ts';
import { type LoadResult, loadConfig } from '../config/load.ts';

export type Loaded = Extract<LoadResult, { ok: true }>;

/** `undefined` when it was refused, and that was said. */
export async function loadConfiguration(
  path: string | undefined,
  strict = false,
): Promise<Loaded | undefined> {
  const loaded = await loadConfig({ path, strict, env: process.env });
  const lines = loaded.ok ? loaded.warnings.map(formatNotice) : [formatFaults(loaded)];
  process.stderr.write(lines.map((line) => `${line}\n`).join(''));
  return loaded.ok ? loaded : undefined;
}
