/**
 * Layer links that this process wrote lately. Whoever writes a canonical link writes the link's own digest, so one that
 * has not been changed since need not be read: on a local disk its time is told by a glance (drivers/filesystem/
 * glances.ts), while reading it takes the storage thread. A manifest is mostly pushed right after its blobs, and asks
 * for the link of each.
 *
 * What somebody else writes into a link within the tick of the file system's clock in which it was noted (4 ms at most,
 * none from Linux 6.13 on) goes unseen until it changes again. Registries write what is there already; only a failing
 * disk writes something else.
 */

import { LRUCache } from 'lru-cache';
import { algorithmOf, canonicalAlgorithm, type Digest } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { FileFacts, StorageDriver } from '../storage/driver.ts';
import { layerLinkPath } from '../storage/layout.ts';

/** Links remembered, some 300 bytes each. */
const maxLinks = 10_000;

export class OwnLinks {
  readonly #modifiedAtMs: LRUCache<string, number> = new LRUCache({ max: maxLinks });

  /** Notes a link that was written this moment, on drivers whose files tell when they changed. */
  async note(driver: StorageDriver, name: RepositoryName, digest: Digest): Promise<void> {
    if (!driver.abilities.readsUncommitted || algorithmOf(digest) !== canonicalAlgorithm) {
      return;
    }
    const path = layerLinkPath(name, digest);
    // The blob is stored, whatever became of the look: a link that is not noted is read when it is asked for.
    const facts = await driver.stat(path).catch(() => undefined);
    if (isLink(facts, digest)) {
      this.#modifiedAtMs.set(path, facts.modifiedAtMs);
    }
  }

  /** Whether the link at `path` is as it was noted. False without asking storage when it was not. */
  async isUnchanged(driver: StorageDriver, path: string, digest: Digest): Promise<boolean> {
    const modifiedAtMs = this.#modifiedAtMs.get(path);
    if (modifiedAtMs === undefined) {
      return false;
    }
    const facts = await driver.stat(path);
    if (isLink(facts, digest) && facts.modifiedAtMs === modifiedAtMs) {
      return true;
    }
    this.#modifiedAtMs.delete(path);
    return false;
  }
}

function isLink(facts: FileFacts | undefined, digest: Digest): facts is FileFacts {
  return facts?.isDirectory === false && facts.sizeBytes === digest.length;
}
