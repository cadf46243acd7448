/** The known storage middleware: name -> how it wraps a driver. A new one is one row, and its schema. */

import type { Logger } from '../../observe/logger.ts';
import type { StorageDriver } from '../driver.ts';
import type {
  MiddlewareEntryOptions,
  RedirectMiddlewareOptions,
  RewriteMiddlewareOptions,
} from '../middleware-options.ts';
import { redirected } from './redirect.ts';
import { rewritten } from './rewrite.ts';

export interface Wrapped {
  readonly driver: StorageDriver;
  /** Ends what the middleware keeps running; the driver stays open. */
  readonly stop?: () => void;
}

type Wrap<Options> = (
  driver: StorageDriver,
  options: Options,
  logger: Logger,
) => Wrapped | Promise<Wrapped>;

const redirect: Wrap<RedirectMiddlewareOptions> = (driver, options) => ({
  driver: redirected(driver, options),
});
const rewrite: Wrap<RewriteMiddlewareOptions> = (driver, options) => ({
  driver: rewritten(driver, options),
});

const kinds: { readonly [name: string]: Wrap<never> } = { redirect, rewrite };

/** Wraps in list order, so that the last entry is outermost. Disabled entries are left out. */
export async function wrapWithMiddleware(
  driver: StorageDriver,
  entries: readonly MiddlewareEntryOptions[],
  logger: Logger,
): Promise<{ readonly driver: StorageDriver; stop(): void }> {
  const stops: (() => void)[] = [];
  let outermost = driver;
  for (const { name, disabled, options } of entries) {
    const wrap = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (disabled || wrap === undefined) {
      continue;
    }
    // The options were checked against the middleware's own schema, and have its types.
    const wrapped = await wrap(outermost, options as never, logger);
    outermost = wrapped.driver;
    if (wrapped.stop !== undefined) stops.push(wrapped.stop);
  }
  return {
    driver: outermost,
    stop: () => {
      for (const stop of stops) stop();
    },
  };
}
