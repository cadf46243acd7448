/** Makes the front end over node:http, node:https and node:http2 that a configuration asks for. */

import type { FrontEndParts } from '../src/compose.ts';
import type { FrontEnd } from '../src/http/exchange.ts';
import { createNodeFrontEnd } from './front-end.ts';

export function makeNodeFrontEnd(parts: FrontEndParts): FrontEnd {
  const { config, ...rest } = parts;
  return createNodeFrontEnd({
    ...rest,
    http2: !config.http.http2.disabled,
    h2c: config.http.h2c.enabled,
  });
}
