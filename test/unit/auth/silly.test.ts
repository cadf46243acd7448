import { expect, it } from 'vitest';
import { createSillyController } from '../../../src/auth/silly.ts';
import {
  accessControllerSuite,
  challengeOf,
  pull,
  push,
  requestWith,
} from '../../suites/access-controller.ts';
import { recordLogs } from '../../support/log-recorder.ts';

const settings = { realm: 'silly-realm', service: 'silly-service' };

accessControllerSuite(
  'silly',
  () =>
    Promise.resolve({
      controller: createSillyController(settings),
      log: recordLogs(),
      good: () => Promise.resolve({ header: 'anything at all', user: 'silly' }),
      bad: [],
      secrets: [],
      close: () => Promise.resolve(),
    }),
  { scheme: 'Bearer', partialGrants: false },
);

it('silly echoes realm, service and one scope for each access', async () => {
  const controller = createSillyController(settings);
  const bare = await challengeOf(() => controller.authorize(requestWith({}), []));
  expect(bare.challenge).toBe('Bearer realm="silly-realm",service="silly-service"');
  const scoped = await challengeOf(() => controller.authorize(requestWith({}), [pull, push]));
  expect(scoped.challenge).toBe(
    'Bearer realm="silly-realm",service="silly-service",scope="repository:team/app:pull repository:team/app:push"',
  );
});
