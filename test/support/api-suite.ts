/**
 * Runs a file's API tests once per front end, against one server that the file's tests share. Tests keep apart by
 * using repositories of their own.
 */

import { afterAll, beforeAll, describe } from 'vitest';
import { ApiClient } from './api-client.ts';
import {
  type FrontEndName,
  frontEnds,
  type RegistryRequest,
  type RunningRegistry,
  startRegistry,
} from './registry.ts';

/** What the tests of a suite use; filled before the first of them runs. */
export interface ApiUnderTest {
  readonly api: ApiClient;
  readonly registry: RunningRegistry;
  readonly frontEnd: FrontEndName;
}

type Request = Omit<RegistryRequest, 'frontEnd'>;

/** @param request  A function when parts of it are known only once the file's own hooks ran. */
export function onBothFrontEnds(
  title: string,
  request: Request | (() => Request),
  tests: (subject: ApiUnderTest) => void,
): void {
  describe.each(frontEnds)(`${title} (%s)`, (frontEnd) => {
    let registry: RunningRegistry | undefined;
    let api: ApiClient | undefined;

    beforeAll(async () => {
      registry = await startRegistry({
        ...(typeof request === 'function' ? request() : request),
        frontEnd,
      });
      api = new ApiClient(registry.port);
    });
    afterAll(async () => {
      api?.close();
      await registry?.stop();
    });

    tests({
      frontEnd,
      get api(): ApiClient {
        return started(api);
      },
      get registry(): RunningRegistry {
        return started(registry);
      },
    });
  });
}

function started<T>(part: T | undefined): T {
  if (part === undefined) {
    throw new Error('used before the registry was started');
  }
  return part;
}
