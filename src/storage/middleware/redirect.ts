/** The `redirect` middleware: clients fetch blobs from another server that shows the storage folder. */

import type { StorageDriver } from '../driver.ts';
import type { RedirectMiddlewareOptions } from '../middleware-options.ts';
import { withRedirectUrl } from './with-redirect-url.ts';

/** Works over any driver, which is not asked; `baseurl` keeps its path and loses its query. */
export function redirected(
  driver: StorageDriver,
  { baseurl }: RedirectMiddlewareOptions,
): StorageDriver {
  const { protocol, host, pathname } = new URL(baseurl);
  const base = `${protocol}//${host}${pathname.replace(/\/+$/, '')}`;
  return withRedirectUrl(driver, (path) => Promise.resolve(base + path));
}
