/**
 * Preloaded into a server under test: writes the URL of each module that its threads import as a line to the file named
 * in `LOADED_MODULES`. A CommonJS package shows by the file that is imported.
 */

import { appendFileSync } from 'node:fs';
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  register(import.meta.url);
}

export async function load(url, context, next) {
  appendFileSync(process.env.LOADED_MODULES, `${url}\n`);
  return next(url, context);
}
