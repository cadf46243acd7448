/** Schema of the `health` section: checks whose failure takes the registry out of rotation. */

import type { Static } from 'typebox';
import { bool, duration, int, list, mapOf, secret, Type, text } from '../options/types.ts';

const interval = duration({
  description: 'Wait between checks; the first one runs at start.',
  default: 10_000,
  minimumMs: 0,
});
const threshold = int({
  description: 'Failures in a row before the check counts as failed; 0 = the first one.',
  default: 0,
});
const timeout = duration({
  description: 'Limit for one check; 0 = none.',
  default: 0,
  minimumMs: 0,
});

export const healthOptions = Type.Object(
  {
    storagedriver: Type.Object(
      {
        enabled: bool({ description: 'Checks the storage driver.', default: false }),
        timeout: duration({
          description:
            'Limit for one check: storage that does not answer for so long counts as failed; 0 = 10s.',
          default: 10_000,
          minimumMs: 0,
        }),
        interval,
        threshold,
      },
      { description: 'Check of the storage driver.' },
    ),
    file: list(
      Type.Object(
        { file: text({ description: 'The check fails while this file exists.' }), interval },
        { description: 'One file.' },
      ),
      { description: 'Files whose presence takes the registry out of rotation.', default: [] },
    ),
    http: list(
      Type.Object(
        {
          uri: text({
            description:
              'URL asked with HEAD, redirects followed; user info in it is sent as Basic credentials.',
          }),
          headers: mapOf(
            list(secret({ description: 'Header value.' }), {
              description: 'Values of one header.',
            }),
            { description: 'Headers of the request: name -> list of values.', default: {} },
          ),
          statuscode: int({ description: 'Status expected.', default: 200, maximum: 599 }),
          timeout,
          interval,
          threshold,
        },
        { description: 'One URL.' },
      ),
      { description: 'URLs that must answer.', default: [] },
    ),
    tcp: list(
      Type.Object(
        {
          addr: text({ description: '`HOST:PORT` to connect to.' }),
          timeout,
          interval,
          threshold,
        },
        { description: 'One address.' },
      ),
      { description: 'Addresses that must accept connections.', default: [] },
    ),
  },
  { description: 'Health checks; while one fails every request gets 503.' },
);
export type HealthOptions = Static<typeof healthOptions>;
