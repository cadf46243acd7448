/**
 * Makes the access controller that the `auth` section names. Called once by compose.
 * Start-up faults all read `unable to configure authorization (<provider>): <reason>`.
 */

import { CodedError, errorText } from '../errors.ts';
import { type AccessController, fullGrant } from './access.ts';
import { createHtpasswdController, type HtpasswdParts } from './htpasswd/htpasswd.ts';
import type { AuthOptions } from './options.ts';
import { createSillyController } from './silly.ts';
import { createTokenController } from './token/token.ts';

export type AccessControllerParts = HtpasswdParts;

type Provider = keyof AuthOptions;

/** Keys that the schema demands and that must not be empty either. */
const mandatory: ReadonlySet<string> = new Set(['realm', 'service', 'issuer', 'path']);

/** Makes the controller when its provider is configured. */
const factories: Readonly<
  Record<
    Provider,
    (options: AuthOptions, parts: AccessControllerParts) => AccessController | undefined
  >
> = {
  silly: ({ silly }) => silly && createSillyController(silly),
  htpasswd: ({ htpasswd }, parts) => htpasswd && createHtpasswdController(htpasswd, parts),
  token: ({ token }, parts) => token && createTokenController(token, parts),
};

/**
 * The controller for `options`, not yet started; without a provider one that grants everything to nobody in particular.
 *
 * @throws CodedError `AUTH_INVALID`, message fit for an operator. `start()` of the result rejects likewise.
 */
export function createAccessController(
  options: AuthOptions | undefined,
  parts: AccessControllerParts,
): AccessController {
  const names = Object.keys(factories) as Provider[];
  const chosen = names.filter((name) => options?.[name] !== undefined);
  const [name, ...others] = chosen;
  if (name === undefined || options === undefined) return openController();
  if (others.length > 0) {
    throw new CodedError(
      'AUTH_INVALID',
      `must provide exactly one authorization type. Provided: ${chosen.join(', ')}`,
    );
  }
  const controller = make(name, options, parts);
  return {
    ...controller,
    async start(): Promise<void> {
      try {
        await controller.start?.();
      } catch (error) {
        throw startFault(name, error);
      }
    },
  };
}

function make(
  name: Provider,
  options: AuthOptions,
  parts: AccessControllerParts,
): AccessController {
  try {
    for (const [key, value] of Object.entries(options[name] ?? {})) {
      if (value === '' && mandatory.has(key)) {
        throw new CodedError('AUTH_INVALID', `"${key}" must be set for ${name} access controller`);
      }
    }
    return factories[name](options, parts) ?? openController();
  } catch (error) {
    throw startFault(name, error);
  }
}

function startFault(name: Provider, cause: unknown): CodedError {
  return new CodedError(
    'AUTH_INVALID',
    `unable to configure authorization (${name}): ${errorText(cause)}`,
    { cause },
  );
}

function openController(): AccessController {
  const grant = fullGrant('');
  return { name: 'none', authorize: () => grant };
}
