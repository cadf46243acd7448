/** The native add-on for tests, with the header bound that launch.cjs sets for the product. */

import { tryLoadUws } from '../../src/http/uws/load.ts';
import type { Uws } from '../../src/http/uws/types.ts';

export function loadUwsForTests(): Uws {
  process.env['UWS_HTTP_MAX_HEADERS_SIZE'] = '32768';
  const loaded = tryLoadUws();
  if ('why' in loaded) {
    throw new Error(`the native front end cannot be tested here: ${loaded.why}`);
  }
  return loaded.uws;
}
