/** An s3 driver on a fresh fake, for the unit tests of the driver's files. */

import { createClients, type Patience } from '../../src/storage/drivers/s3/client.ts';
import { createS3Driver, type S3Driver } from '../../src/storage/drivers/s3/driver.ts';
import { ObjectStore } from '../../src/storage/drivers/s3/object-store.ts';
import type { S3Options } from '../../src/storage/drivers/s3/options.ts';
import { validate } from '../../src/storage/drivers/s3/validate.ts';
import { type FakeRules, S3Fake } from './s3-fake.ts';
import { someS3Options } from './s3-options.ts';

export interface OnFake {
  readonly fake: S3Fake;
  readonly driver: S3Driver;
  readonly store: ObjectStore;
  stop(): Promise<void>;
}

/** No call is recorded yet: the start probe is left out. */
export async function onFake(
  rules: FakeRules = {},
  changes: Partial<S3Options> = {},
  patience?: Patience,
): Promise<OnFake> {
  const fake = await S3Fake.start(rules);
  const options = someS3Options({ regionendpoint: fake.endpoint, ...changes });
  const { settings } = validate(options);
  const store = new ObjectStore(createClients(settings).calls, settings);
  const driver = (await createS3Driver(options, {
    probe: false,
    ...(patience && { patience }),
  })) as S3Driver;
  return {
    fake,
    driver,
    store,
    async stop() {
      await driver.close();
      store.client.destroy();
      await fake.stop();
    },
  };
}
