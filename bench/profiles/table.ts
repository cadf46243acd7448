/** All profiles, in the order they are printed. */

import { ciPush } from './a-ci-push.ts';
import { ciPushShared } from './b-ci-push-shared.ts';
import { largeLayers } from './c-large-layers.ts';
import { middleLayers } from './d-middle-layers.ts';
import { chunkedUploads } from './e-chunked.ts';
import { pull } from './f-pull.ts';
import { mix } from './g-mix.ts';
import { sameBlob } from './h-same-blob.ts';
import { lists } from './i-lists.ts';
import { sameLayer } from './j-same-layer.ts';
import { idle } from './k-idle.ts';
import type { Profile } from './profile.ts';

export const profiles: readonly Profile[] = [
  ciPush,
  ciPushShared,
  largeLayers,
  middleLayers,
  chunkedUploads,
  pull,
  mix,
  sameBlob,
  lists,
  sameLayer,
  idle,
];

/** Throws on an unknown letter, with those that exist. */
export function profileOf(id: string): Profile {
  const profile = profiles.find((each) => each.id === id);
  if (profile === undefined) {
    throw new RangeError(
      `no profile ${id}: there are ${profiles.map((each) => each.id).join(', ')}`,
    );
  }
  return profile;
}
