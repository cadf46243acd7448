/** The two scales: what figures are taken at, and what shows in seconds that a profile works. */

import { GiB, KiB, MiB } from '../load/content.ts';
import type { Scale } from './profile.ts';

export const fullScale: Scale = {
  layerBytes: 64 * KiB,
  middleBytes: 4 * MiB,
  largeBytes: 64 * MiB,
  hugeBytes: GiB,
  chunkBytes: 5 * MiB,
  entries: 10_000,
  idleConnections: 5000,
  seededImages: 200,
};

export const quickScale: Scale = {
  layerBytes: 64 * KiB,
  middleBytes: MiB,
  largeBytes: 8 * MiB,
  hugeBytes: 32 * MiB,
  chunkBytes: MiB,
  entries: 300,
  idleConnections: 200,
  seededImages: 10,
};
