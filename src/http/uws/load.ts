/** Loads the optional native add-on, the only place that names its package. */

import { createRequire } from 'node:module';
import { errorText, hasCode } from '../../errors.ts';
import type { Uws } from './types.ts';

/** What the add-on takes of a head that comes in pieces. It reads this once, as it loads. */
const headBoundName = 'UWS_HTTP_MAX_HEADERS_SIZE';

/**
 * Gives the add-on, or one line for the operator saying why it does not run here.
 *
 * @param maxHeaderBytes  Of the requests that are to be served, as far as the first call in a process knows.
 */
export function tryLoadUws(
  maxHeaderBytes: number,
): { readonly uws: Uws } | { readonly why: string } {
  const boundBytes = Math.max(maxHeaderBytes, Number(process.env[headBoundName] ?? 0));
  process.env[headBoundName] = String(boundBytes);
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
