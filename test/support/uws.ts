/** The native add-on for tests, with the usual bound on headers. */

import { tryLoadUws } from '../../src/http/uws/load.ts';
import type { Uws } from '../../src/http/uws/types.ts';

export function loadUwsForTests(): Uws {
  const loaded = tryLoadUws(32_768);
  if ('why' in loaded) {
    throw new Error(`the native front end cannot be tested here: ${loaded.why}`);
  }
  return loaded.uws;
}
