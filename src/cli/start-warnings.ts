/** What the log says first: the warnings about the configuration, and about the environment it meets. */

import { formatNotice, type Notice } from '../config/faults.ts';
import type { Config } from '../config/schema.ts';
import { ignoredProxy } from './ignored-proxy.ts';

export function startWarnings(
  loaded: { readonly config: Config; readonly warnings: readonly Notice[] },
  env: NodeJS.ProcessEnv,
): string[] {
  const proxy = ignoredProxy(loaded.config, env);
  return [...loaded.warnings.map(formatNotice), ...(proxy === undefined ? [] : [proxy])];
}
