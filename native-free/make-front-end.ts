/** Makes the front end over node:http, node:https and node:http2 that a configuration asks for. */

import type { FrontEndParts } from '../src/compose.ts';
import type { FrontEnd } from '../src/http/exchange.ts';
import { createNodeFrontEnd } from './front-end.ts';
import { createTlsSource } from './tls/create-tls-source.ts';

export function makeNodeFrontEnd(parts: FrontEndParts): FrontEnd {
  const { config, ...rest } = parts;
  const tls = createTlsSource(config.http.tls, { logger: parts.logger });
  return createNodeFrontEnd({
    ...rest,
    ...(tls === undefined ? {} : { tls }),
    http2: !config.http.http2.disabled,
    h2c: config.http.h2c.enabled,
  });
}
