/** (g) A day's mix: three pulls for each push, a few images pulled far more than the rest. */

import { Connection } from '../load/connection.ts';
import { uniqueBlob } from '../load/content.ts';
import { repeatFor } from '../load/measurement.ts';
import { buildTag, type Image, imageBytes, imageOf, pullImage, pushImage } from '../load/push.ts';
import type { Case, Profile, Target } from './profile.ts';

const layersPerImage = 3;
const connections = 16;

export const mix: Profile = {
  id: 'g',
  title: 'Mix: 75 % pulls, 25 % pushes, skewed popularity',
  question: 'How many whole pulls and pushes a second, side by side?',
  minutes: 0.7,
  async open({ port, scale }: Target): Promise<readonly Case[]> {
    const newImage = (): Image =>
      imageOf(Array.from({ length: layersPerImage }, () => uniqueBlob(scale.layerBytes)));
    const seeded = Array.from({ length: scale.seededImages }, newImage);
    const connection = new Connection(port);
    for (const [index, image] of seeded.entries()) {
      await pushImage(connection, `mix/app${index}`, 'latest', image);
    }
    connection.close();
    return [
      {
        name: `${connections} connections, ${seeded.length} images`,
        unit: 'operations/s',
        run: (seconds) =>
          repeatFor({ port, connections, seconds }, async (lane, turn) => {
            const index = skewed(Math.random(), seeded.length);
            const image = seeded[index];
            if (turn % 4 !== 3 && image !== undefined) {
              return await pullImage(lane, `mix/app${index}`, 'latest', image);
            }
            const fresh = newImage();
            await pushImage(lane, `mix/app${index}`, buildTag(fresh), fresh);
            return imageBytes(fresh);
          }),
      },
    ];
  },
};

/** An index with a chance that falls as 1/rank, out of a number in [0, 1). */
export function skewed(random: number, count: number): number {
  return Math.min(count - 1, Math.floor((count + 1) ** random) - 1);
}
