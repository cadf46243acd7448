/**
 * The `silly` provider: any non-empty Authorization header is good enough. For development only.
 * Made by create-access-controller.ts.
 */

import {
  type Access,
  type AccessController,
  type AccessRequest,
  ChallengeError,
  fullGrant,
  type Grant,
} from './access.ts';
import { quote } from './quote.ts';

export interface SillySettings {
  readonly realm: string;
  readonly service: string;
}

/** Grants everything to the user `silly`. The challenge lists each access by itself, actions unmerged. */
export function createSillyController(settings: SillySettings): AccessController {
  const grant = fullGrant('silly');
  const base = `Bearer realm=${quote(settings.realm)},service=${quote(settings.service)}`;
  return {
    name: 'silly',
    authorize(
      request: AccessRequest,
      required: readonly Access[],
      optional: readonly Access[] = [],
    ): Grant {
      if (request.header('authorization')) return grant;
      const wanted = [...required, ...optional];
      const scope = wanted.map((access) => `${access.type}:${access.name}:${access.action}`);
      throw new ChallengeError(
        scope.length === 0 ? base : `${base},scope=${quote(scope.join(' '))}`,
        wanted,
      );
    },
  };
}
