/**
 * Finds what a digest of another algorithm stands for in a repository when the link that told is torn: by reading again
 * all that its SHA-256 links of the same kind name. Once for each kind and algorithm, however many links are torn.
 */

import { hasCode } from '../errors.ts';
import {
  algorithmOf,
  canonicalAlgorithm,
  type Digest,
  type DigestAlgorithm,
  digestOf,
} from '../oci/digest.ts';
import { DriverCode } from '../storage/driver.ts';
import { blobDataPath } from '../storage/layout.ts';
import type { RegistryContext } from './context.ts';
import { digestPages } from './walk-storage.ts';

/** What was read, by its digest of the other algorithm. */
interface Known {
  readonly stored: Map<Digest, Digest>;
  /** False: some of it could not be read, and may be what is looked for. */
  isComplete: boolean;
}

export class AliasSearch {
  readonly #context: RegistryContext;
  readonly #bytesPerSecond: number | undefined;
  readonly #known: Map<string, Promise<Known>> = new Map();

  constructor(context: RegistryContext, bytesPerSecond: number | undefined) {
    this.#context = context;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /**
   * The SHA-256 digest, among the folders below `path`, of the bytes that `alias` stands for.
   *
   * @returns 'gone' when they are not there, 'unknown' when something that could not be read may be them
   */
  async find(path: string, alias: Digest): Promise<Digest | 'gone' | 'unknown'> {
    const algorithm = algorithmOf(alias);
    const key = `${path} ${algorithm}`;
    const reading = this.#known.get(key) ?? this.#readAll(path, algorithm);
    this.#known.set(key, reading);
    const { stored, isComplete } = await reading;
    return stored.get(alias) ?? (isComplete ? 'gone' : 'unknown');
  }

  async #readAll(path: string, algorithm: DigestAlgorithm): Promise<Known> {
    const known: Known = { stored: new Map(), isComplete: true };
    for await (const page of digestPages(this.#context.driver, path)) {
      for (const stored of page.filter((digest) => algorithmOf(digest) === canonicalAlgorithm)) {
        await this.#read(stored, algorithm, known);
      }
    }
    return known;
  }

  async #read(digest: Digest, algorithm: DigestAlgorithm, known: Known): Promise<void> {
    try {
      const { digests } = await this.#context.bodies.digestFile(
        blobDataPath(digest),
        [algorithm],
        this.#bytesPerSecond,
      );
      known.stored.set(digestOf(algorithm, digests[algorithm] ?? ''), digest);
    } catch (error) {
      // What is wrong with the blob is told where blobs are looked at.
      known.isComplete &&= hasCode(error, DriverCode.notFound);
    }
  }
}
