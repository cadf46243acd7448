/** (a) What CI does all day: small images, everything new. The figure to size machines by. */

import { uniqueBlob } from '../load/content.ts';
import { repeatFor } from '../load/measurement.ts';
import { buildTag, imageBytes, imageOf, pushImage } from '../load/push.ts';
import { type Case, ciLayers, type Profile, type Target } from './profile.ts';

const repositories = 20;

export const ciPush: Profile = {
  id: 'a',
  title: 'CI push: images of 5 x 64 KiB layers, config, manifest',
  question: 'How many small images a second, when everything in them is new?',
  minutes: 0.8,
  async open({ port, scale }: Target): Promise<readonly Case[]> {
    return [8, 64].map((connections) => ({
      name: `${connections} connections`,
      unit: 'images/s',
      run: (seconds) =>
        repeatFor({ port, connections, seconds }, async (connection, turn) => {
          const layers = Array.from({ length: ciLayers }, () => uniqueBlob(scale.layerBytes));
          const image = imageOf(layers);
          await pushImage(connection, `ci/app${turn % repositories}`, buildTag(image), image);
          return imageBytes(image);
        }),
    }));
  },
};
