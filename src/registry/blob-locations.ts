/**
 * Where blobs were seen lately: a bounded hint from digest to repositories, so that a mount without `from` can be
 * tried without walking storage. Never an authority: a mount checks the link itself.
 */

import { LRUCache } from 'lru-cache';
import { ownText } from '../kept.ts';
import type { Digest } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/reference.ts';

const maxBlobs = 20_000;
const maxRepositories = 8;

export class BlobLocations {
  readonly #seen: LRUCache<Digest, readonly RepositoryName[]> = new LRUCache({ max: maxBlobs });

  saw(name: RepositoryName, digest: Digest): void {
    const known = this.#seen.get(digest);
    if (known === undefined) {
      this.#seen.set(ownText(digest), [ownText(name)]);
    } else if (!known.includes(name)) {
      this.#seen.set(digest, [ownText(name), ...known.slice(0, maxRepositories - 1)]);
    }
  }

  of(digest: Digest): readonly RepositoryName[] {
    return this.#seen.get(digest) ?? [];
  }
}
