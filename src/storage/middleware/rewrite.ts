/** The `rewrite` middleware: changes the URL that the driver, or the middleware below, gives. */

import type { StorageDriver } from '../driver.ts';
import type { RewriteMiddlewareOptions } from '../middleware-options.ts';
import { withRedirectUrl } from './with-redirect-url.ts';

/** Over a driver that gives no URL nothing happens. The query stays as it was, to the letter: it may be signed. */
export function rewritten(driver: StorageDriver, options: RewriteMiddlewareOptions): StorageDriver {
  if (!driver.abilities.redirects) {
    return driver;
  }
  return withRedirectUrl(driver, async (path, request) => {
    const url = await driver.redirectUrl(path, request);
    return url === undefined ? undefined : rewriteUrl(url, options);
  });
}

export function rewriteUrl(url: string, options: RewriteMiddlewareOptions): string {
  const [, scheme = '', host = '', path = '', rest = ''] =
    /^([^:]+):\/\/([^/?#]*)([^?#]*)(.*)$/s.exec(url) ?? [];
  const prefix = options.trimpathprefix ?? '';
  const trimmed = path.startsWith(prefix) ? path.slice(prefix.length) : path;
  const slash = trimmed === '' || trimmed.startsWith('/') ? '' : '/';
  return `${options.scheme || scheme}://${options.host || host}${slash}${trimmed}${rest}`;
}
