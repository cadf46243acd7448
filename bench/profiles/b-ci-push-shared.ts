/** (b) As (a), where four of five layers are there already: two in the repository, two to mount from another. */

import { Connection } from '../load/connection.ts';
import { uniqueBlob } from '../load/content.ts';
import { repeatFor } from '../load/measurement.ts';
import {
  buildTag,
  hasBlob,
  imageOf,
  mountBlob,
  pushBlob,
  pushImage,
  putManifest,
} from '../load/push.ts';
import type { Case, Profile, Target } from './profile.ts';

const repositories = 20;
const base = 'ci/base';

export const ciPushShared: Profile = {
  id: 'b',
  title: 'CI push where 80 % of layers exist: HEAD hits and mounts',
  question: 'How many images a second, when only one layer of five is new?',
  minutes: 0.8,
  async open({ port, scale }: Target): Promise<readonly Case[]> {
    const known = Array.from({ length: 4 }, () => uniqueBlob(scale.layerBytes));
    const [first, second, third, fourth] = known;
    if (!first || !second || !third || !fourth) {
      throw new TypeError('four layers are known');
    }
    const connection = new Connection(port);
    await pushImage(connection, base, 'latest', imageOf(known));
    for (let index = 0; index < repositories; index += 1) {
      await pushBlob(connection, `ci/app${index}`, first);
      await pushBlob(connection, `ci/app${index}`, second);
    }
    connection.close();
    return [8, 64].map((connections) => ({
      name: `${connections} connections`,
      unit: 'images/s',
      run: (seconds) =>
        repeatFor({ port, connections, seconds }, async (lane, turn) => {
          const repository = `ci/app${turn % repositories}`;
          const fresh = uniqueBlob(scale.layerBytes);
          const image = imageOf([...known, fresh]);
          for (const layer of [first, second]) {
            if (!(await hasBlob(lane, repository, layer.digest))) {
              throw new Error('a layer that was pushed is not there');
            }
          }
          await mountBlob(lane, repository, third.digest, base);
          await mountBlob(lane, repository, fourth.digest, base);
          await pushBlob(lane, repository, fresh);
          await pushBlob(lane, repository, image.config);
          await putManifest(lane, repository, buildTag(image), image);
          return fresh.sizeBytes + image.config.sizeBytes + image.manifest.sizeBytes;
        }),
    }));
  },
};
