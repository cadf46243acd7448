/** Decides whether uWebSockets.js serves a configuration (DESIGN 2), and makes the front end if so. */

import { CodedError } from '../../errors.ts';
import type { Logger } from '../../observe/logger.ts';
import type { BufferPool, FrontEnd, FrontEndLimits, RequestHandler } from '../exchange.ts';
import { defaultHeaderTimeoutMs, defaultIdleTimeoutMs, type HttpOptions } from '../options.ts';
import { createUwsFrontEnd } from './front-end.ts';
import { tryLoadUws } from './load.ts';

export interface ChoiceParts {
  readonly handler: RequestHandler;
  readonly limits: FrontEndLimits;
  readonly pool: BufferPool;
  readonly logger: Logger;
}

/**
 * The native front end, or `undefined` when the node one is to serve: asked for, needed by the configuration, or
 * since the add-on does not load here (said in the log).
 *
 * @throws CodedError `FRONT_END_UNUSABLE` `http.frontend: uws` cannot be had
 */
export function chooseFrontEnd(http: HttpOptions, parts: ChoiceParts): FrontEnd | undefined {
  if (http.frontend === 'node') {
    return undefined;
  }
  const beyond = whatOnlyNodeServes(http);
  if (beyond !== undefined) {
    if (http.frontend === 'uws') {
      throw unusable(`it cannot serve ${beyond}; use http.frontend: node or auto`);
    }
    parts.logger.info(`front end: node, since the configuration asks for ${beyond}`);
    return undefined;
  }
  const loaded = tryLoadUws(parts.limits.maxHeaderBytes);
  if ('uws' in loaded) {
    warnOfIgnoredLimits(http, parts.logger);
    return createUwsFrontEnd({ ...parts, uws: loaded.uws });
  }
  if (http.frontend === 'uws') {
    throw unusable(loaded.why);
  }
  parts.logger.warn(`front end: node, since uWebSockets.js cannot be used: ${loaded.why}`);
  return undefined;
}

/** uWS has clocks of its own for these two (docs/front-ends.md): an operator who set them must know. */
function warnOfIgnoredLimits({ limits }: HttpOptions, logger: Logger): void {
  const ignored = [
    ...(limits.headertimeout === defaultHeaderTimeoutMs ? [] : ['http.limits.headertimeout']),
    ...(limits.idletimeout === defaultIdleTimeoutMs ? [] : ['http.limits.idletimeout']),
  ];
  if (ignored.length > 0) {
    logger.warn(
      `${ignored.join(' and ')}: no effect, since the uws front end always closes after 8 to 12 s; set http.frontend: node to have it`,
    );
  }
}

function unusable(why: string): CodedError {
  return new CodedError('FRONT_END_UNUSABLE', `http.frontend is uws, but ${why}`);
}

function whatOnlyNodeServes(http: HttpOptions): string | undefined {
  if (http.tls.certificate !== undefined || http.tls.letsencrypt?.cachefile !== undefined) {
    return 'TLS (http.tls)';
  }
  if (http.h2c.enabled) {
    return 'HTTP/2 in clear text (http.h2c)';
  }
  if (http.net === 'unix' && http.processes !== 1) {
    return 'one unix socket for several processes (http.processes)';
  }
  return process.env['LISTEN_FDS'] !== undefined &&
    Number(process.env['LISTEN_PID']) === process.pid
    ? 'socket activation (LISTEN_FDS)'
    : undefined;
}
