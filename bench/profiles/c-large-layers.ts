/** (c) Large layers, one at a time and four at once: how near to the disk and to the cost of hashing. */

import { GiB } from '../load/content.ts';
import { layerCase } from './layers.ts';
import type { Case, Profile, Target } from './profile.ts';

export const largeLayers: Profile = {
  id: 'c',
  title: 'Large layers, 64 MiB and 1 GiB',
  question: 'How fast does a large layer go in, alone and with three others?',
  minutes: 4.8,
  fillsBytes: 6 * GiB,
  async open({ port, scale }: Target): Promise<readonly Case[]> {
    return [scale.largeBytes, scale.hugeBytes].flatMap((sizeBytes) =>
      [1, 4].map((connections) => layerCase({ port, sizeBytes, connections })),
    );
  },
};
