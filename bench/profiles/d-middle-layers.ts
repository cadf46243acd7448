/** (d) Layers of a few MiB, eight at once: neither syncs nor bytes alone decide. */

import { GiB } from '../load/content.ts';
import { layerCase } from './layers.ts';
import type { Case, Profile, Target } from './profile.ts';

export const middleLayers: Profile = {
  id: 'd',
  title: 'Layers of 4 MiB',
  question: 'How fast do layers of the usual size go in?',
  minutes: 0.6,
  fillsBytes: 2 * GiB,
  async open({ port, scale }: Target): Promise<readonly Case[]> {
    return [layerCase({ port, sizeBytes: scale.middleBytes, connections: 8 })];
  },
};
