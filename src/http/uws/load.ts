/**
 * Loads the optional native add-on, the only place that names its package.
 * Sets no environment: UWS_HTTP_MAX_HEADERS_SIZE must be there before (launch.cjs sees to it).
 */

import { createRequire } from 'node:module';
import { errorText, hasCode } from '../../errors.ts';
import type { Uws } from './types.ts';

/** Gives the add-on, or one line for the operator saying why it does not run here. */
export function tryLoadUws(): { readonly uws: Uws } | { readonly why: string } {
  try {
    return { uws: createRequire(import.meta.url)('uWebSockets.js') as Uws };
  } catch (error) {
    return { why: whyNot(error) };
  }
}

function whyNot(error: unknown): string {
  if (hasCode(error, 'MODULE_NOT_FOUND')) {
    return 'the optional package uWebSockets.js is not installed';
  }
  const text = errorText(error);
  const missingGlibc = /version [`'](GLIBC_[\d.]+)' not found/.exec(text)?.[1];
  if (missingGlibc !== undefined) {
    return `the uWebSockets.js add-on for Node.js ${process.versions.node} needs ${missingGlibc}, which this system lacks`;
  }
  const lastLine = text.trimEnd().split('\n').at(-1) ?? text;
  return `the uWebSockets.js add-on does not load on Node.js ${process.versions.node}, ${process.platform} ${process.arch}: ${lastLine}`;
}
