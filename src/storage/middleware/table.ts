/** The known storage middleware: name -> how it wraps a driver. A new one is one row, and its schema. */

import type { Logger } from '../../observe/logger.ts';
import type { StorageDriver } from '../driver.ts';
import type {
  CloudfrontOptions,
  MiddlewareEntryOptions,
  RedirectMiddlewareOptions,
  RewriteMiddlewareOptions,
} from '../middleware-options.ts';
import { cloudfronted } from './cloudfront.ts';
import { redirected } from './redirect.ts';
import { rewritten } from './rewrite.ts';

export interface Wrapped {
  readonly driver: StorageDriver;
  /** Ends what the middleware keeps running; the driver stays open. */
  readonly stop?: () => void;
}

export interface MiddlewareParts {
  readonly logger: Logger;
  /** With the s3 driver: `rootdirectory`, which its keys begin with. */
  readonly s3Root?: string;
}

interface WrapParts extends MiddlewareParts {
  /** No other middleware lies between this one and the driver. */
  readonly isInnermost: boolean;
}

type Wrap<Options> = (
  driver: StorageDriver,
  options: Options,
  parts: WrapParts,
) => Wrapped | Promise<Wrapped>;

const redirect: Wrap<RedirectMiddlewareOptions> = (driver, options) => ({
  driver: redirected(driver, options),
});
const rewrite: Wrap<RewriteMiddlewareOptions> = (driver, options) => ({
  driver: rewritten(driver, options),
});

const cloudfront: Wrap<CloudfrontOptions> = (driver, options, parts) => {
  const { isInnermost, logger, s3Root } = parts;
  if (s3Root === undefined || !isInnermost) {
    logger.warn('cloudfront has no effect: it must be the first middleware over the s3 driver');
    return { driver };
  }
  const prefix = s3Root.replace(/^\/+|\/+$/g, '');
  const keyOf = (path: string): string => (prefix + path).replace(/^\/+/, '');
  return cloudfronted(driver, options, { keyOf, logger });
};

const kinds: { readonly [name: string]: Wrap<never> } = { cloudfront, redirect, rewrite };

/** Wraps in list order, so that the last entry is outermost. Disabled entries are left out. */
export async function wrapWithMiddleware(
  driver: StorageDriver,
  entries: readonly MiddlewareEntryOptions[],
  parts: MiddlewareParts,
): Promise<{ readonly driver: StorageDriver; stop(): void }> {
  const stops: (() => void)[] = [];
  let outermost = driver;
  for (const { name, disabled, options } of entries) {
    const wrap = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (disabled || wrap === undefined) {
      continue;
    }
    // The options were checked against the middleware's own schema, and have its types.
    const isInnermost = outermost === driver;
    const wrapped = await wrap(outermost, options as never, { ...parts, isInnermost });
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
