/**
 * The marking half of garbage collection: which stored digests are reachable from manifests that stay. Holds every
 * mark in memory, about 150 bytes each.
 */

import { algorithmOf, canonicalAlgorithm, type Digest, tryParseDigest } from '../oci/digest.ts';
import { type ParsedManifest, parseStoredManifest, referencesOf } from '../oci/manifest.ts';
import { type RepositoryName, type Tag, tryParseTag } from '../oci/reference.ts';
import {
  blobDataPath,
  layerLinkPath,
  layersPath,
  revisionLinkPath,
  revisionsPath,
  tagLinkPath,
  tagsPath,
} from '../storage/layout.ts';
import { inspectLink, readLink } from '../storage/link-store.ts';
import { walkRepositoryDirectories } from './catalog.ts';
import type { RegistryContext } from './context.ts';
import { loadManifest, resolveRevision } from './manifest-store.ts';
import { forEachLimited } from './parallel.ts';
import { digestPages, listPages } from './walk-storage.ts';

/** Files read side by side. */
const parallelReads = 16;

/** A manifest without a tag, to be removed unless something kept needs it. */
export interface Candidate {
  readonly name: RepositoryName;
  readonly digest: Digest;
  /** Under which its bytes are stored. */
  readonly stored: Digest;
  /** All tags of the repository: any may remember it. */
  readonly tags: readonly Tag[];
}

interface Revision {
  readonly digest: Digest;
  readonly stored: Digest;
  readonly writtenAtMs: number;
}

interface TagTable {
  readonly all: readonly Tag[];
  readonly current: ReadonlySet<Digest>;
  /** A tag's link is torn: any manifest may be the one it named. */
  readonly isTorn: boolean;
}

const mendedByVerify = 'longshore verify --repair mends the link';

export class Marks {
  /** Manifests that could not be read as one. */
  unreadable = 0;
  readonly #context: RegistryContext;
  readonly #emit: (line: string) => void;
  readonly #youngerThanMs: number | undefined;
  readonly #marked: Set<Digest> = new Set();
  /** Manifests whose references are marked already, by repository: what a digest means is the repository's. */
  readonly #followed: Set<string> = new Set();
  /** Paths of links that are empty or cut short, of those that marking depends on. */
  readonly #torn: Set<string> = new Set();
  /** Repositories with a manifest that cannot be read, or a link that may name anything of theirs: nothing may go. */
  readonly #keptWhole: Set<RepositoryName> = new Set();
  #candidates: Candidate[] = [];

  constructor(
    context: RegistryContext,
    emit: (line: string) => void,
    youngerThanMs: number | undefined,
  ) {
    this.#context = context;
    this.#emit = emit;
    this.#youngerThanMs = youngerThanMs;
  }

  get size(): number {
    return this.#marked.size;
  }

  /** Links that cannot be read; what they may name was kept. */
  get torn(): number {
    return this.#torn.size;
  }

  has(digest: Digest): boolean {
    return this.#marked.has(digest);
  }

  /** Marks from the manifests of a repository; with `deleteUntagged` those without a tag become candidates instead. */
  async markRepository(name: RepositoryName, deleteUntagged: boolean): Promise<void> {
    const tags = deleteUntagged ? await this.#readTags(name) : undefined;
    for await (const digests of digestPages(this.#context.driver, revisionsPath(name))) {
      for (const { digest, stored, writtenAtMs } of await this.#readRevisions(name, digests)) {
        const isTagged =
          !deleteUntagged ||
          (tags !== undefined &&
            (tags.isTorn || tags.current.has(digest) || tags.current.has(stored)));
        if (isTagged || this.#isYoung(writtenAtMs)) {
          await this.#keep(name, stored);
          continue;
        }
        if (tags === undefined) {
          this.#emit(`manifest tags path of repository ${name} does not exist`);
        }
        this.#candidates.push({ name, digest, stored, tags: tags?.all ?? [] });
      }
    }
  }

  /**
   * Goes through the candidates until no more are found to be needed: one that was marked meanwhile (child of a kept
   * index, or kept in another repository), or whose subject is kept in the same repository.
   */
  async settle(): Promise<readonly Candidate[]> {
    for (let isChanging = true; isChanging; ) {
      isChanging = false;
      const left: Candidate[] = [];
      for (const candidate of this.#candidates) {
        const { name, stored } = candidate;
        if (this.has(stored)) {
          await this.#follow(name, stored);
          isChanging = true;
        } else if (this.#keptWhole.has(name) || (await this.#hasKeptSubject(candidate))) {
          await this.#keep(name, stored);
          isChanging = true;
        } else {
          left.push(candidate);
        }
      }
      this.#candidates = left;
    }
    return this.#candidates;
  }

  /**
   * With a least age: marks what younger layer links name, in repositories without a manifest too. The data of a blob
   * that was mounted, or pushed again, is older than the push.
   */
  async markYoungLayers(): Promise<void> {
    if (this.#youngerThanMs === undefined) {
      return;
    }
    const { driver } = this.#context;
    for await (const name of walkRepositoryDirectories(this.#context, '_layers')) {
      for await (const digests of digestPages(driver, layersPath(name))) {
        const young = new Map<Digest, Digest>();
        await forEachLimited(digests, parallelReads, async (digest) => {
          const target = await this.#linkedLayer(name, digest);
          if (target !== undefined && !this.has(target)) {
            const link = await driver.stat(layerLinkPath(name, digest));
            if (this.#isYoung(link?.modifiedAtMs ?? 0)) {
              young.set(digest, target);
            }
          }
        });
        for (const digest of digests) {
          const target = young.get(digest);
          if (target !== undefined) {
            this.#mark(name, target);
          }
        }
      }
    }
  }

  #isYoung(writtenAtMs: number): boolean {
    return this.#youngerThanMs !== undefined && writtenAtMs > this.#youngerThanMs;
  }

  async #hasKeptSubject({ name, stored }: Candidate): Promise<boolean> {
    const subject = (await this.#parse(stored))?.subject?.digest;
    const digest = subject === undefined ? undefined : tryParseDigest(subject);
    const target = digest === undefined ? undefined : await this.#revisionTarget(name, digest);
    return target !== undefined && this.has(target);
  }

  async #keep(name: RepositoryName, stored: Digest): Promise<void> {
    this.#emit(`${name}: marking manifest ${stored} `);
    this.#marked.add(stored);
    await this.#follow(name, stored);
  }

  /**
   * Marks all that a manifest reaches within its repository, depth first. A loop with a stack of its own: how deep
   * indexes nest is up to whoever pushes them.
   */
  async #follow(name: RepositoryName, start: Digest): Promise<void> {
    const stack = [await this.#referencesOnce(name, start)];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const digest = top.shift();
      if (digest === undefined) {
        stack.pop();
        continue;
      }
      const revision = await this.#revisionTarget(name, digest);
      this.#mark(name, revision ?? (await this.#blobTarget(name, digest)));
      if (revision !== undefined) {
        stack.push(await this.#referencesOnce(name, revision));
      }
    }
  }

  /** What a manifest points to, the first time it is asked for in a repository; nothing from then on. */
  async #referencesOnce(name: RepositoryName, stored: Digest): Promise<Digest[]> {
    const key = `${name}@${stored}`;
    if (this.#followed.has(key)) {
      return [];
    }
    this.#followed.add(key);
    const manifest = await this.#parse(stored);
    if (manifest === undefined) {
      // Nobody can tell what it points to.
      this.unreadable += 1;
      this.#context.logger.warn('cannot read a manifest: everything in its repository is kept', {
        name,
        digest: stored,
      });
      await this.#keepAll(name);
      return [];
    }
    return referencesOf(manifest)
      .map(({ digest }) => tryParseDigest(digest))
      .filter((digest) => digest !== undefined);
  }

  #mark(name: RepositoryName, digest: Digest): void {
    if (!this.#marked.has(digest)) {
      this.#marked.add(digest);
      this.#emit(`${name}: marking blob ${digest}`);
    }
  }

  /** All that the repository sees stays. */
  async #keepAll(name: RepositoryName): Promise<void> {
    if (this.#keptWhole.has(name)) {
      return;
    }
    this.#keptWhole.add(name);
    for await (const digests of digestPages(this.#context.driver, layersPath(name))) {
      await forEachLimited(digests, parallelReads, async (digest) => {
        const target = await this.#linkedLayer(name, digest);
        if (target !== undefined) {
          this.#mark(name, target);
        }
      });
    }
  }

  /**
   * What a layer link lets its repository see. A torn one of another algorithm may be passed over where all links are
   * gone through: the SHA-256 link written along with it names the same.
   */
  async #linkedLayer(name: RepositoryName, digest: Digest): Promise<Digest | undefined> {
    return isCanonical(digest)
      ? digest
      : await readLink(this.#context.driver, layerLinkPath(name, digest));
  }

  /** Where bytes of a digest are stored: for SHA-256 under itself, for another algorithm as the alias link says. */
  async #blobTarget(name: RepositoryName, digest: Digest): Promise<Digest> {
    if (isCanonical(digest)) {
      return digest;
    }
    const path = layerLinkPath(name, digest);
    const link = await inspectLink(this.#context.driver, path);
    if (link.state === 'torn') {
      await this.#keepForTornAlias(name, path);
    }
    return 'target' in link ? link.target : digest;
  }

  /**
   * Where the bytes of a manifest that the repository sees are stored, if they are. A torn link, or one of another
   * digest, stands for what its folder is named after, as `verify --repair` writes it anew.
   */
  async #revisionTarget(name: RepositoryName, digest: Digest): Promise<Digest | undefined> {
    const { driver } = this.#context;
    const path = revisionLinkPath(name, digest);
    const link = await inspectLink(driver, path, digest);
    if (link.state === 'torn' && !isCanonical(digest)) {
      await this.#keepForTornAlias(name, path);
    }
    const isMisread = link.state === 'torn' || link.state === 'foreign';
    const named = isCanonical(digest) && isMisread ? digest : undefined;
    const target = 'target' in link ? link.target : named;
    if (target === undefined || (await driver.stat(blobDataPath(target))) === undefined) {
      return undefined;
    }
    if (named !== undefined) {
      this.#tellTorn(name, path, `its folder tells the manifest; ${mendedByVerify}`);
    }
    return target;
  }

  /** The link of another algorithm's digest: its folder does not tell what it named. */
  async #keepForTornAlias(name: RepositoryName, path: string): Promise<void> {
    this.#tellTorn(name, path, `everything in its repository is kept; ${mendedByVerify}`);
    await this.#keepAll(name);
  }

  #tellTorn(name: RepositoryName, path: string, outcome: string): void {
    if (!this.#torn.has(path)) {
      this.#torn.add(path);
      this.#context.logger.warn(`a link is empty, cut short or of another digest: ${outcome}`, {
        name,
        path,
      });
    }
  }

  async #parse(stored: Digest): Promise<ParsedManifest | undefined> {
    const manifest = await loadManifest(this.#context, stored);
    return manifest === undefined ? undefined : parseStoredManifest(manifest.bytes);
  }

  /** Revisions with a link and data, in the order given; others are passed over, as Distribution does. */
  async #readRevisions(
    name: RepositoryName,
    digests: readonly Digest[],
  ): Promise<readonly Revision[]> {
    const found = new Map<Digest, Revision>();
    await forEachLimited(digests, parallelReads, async (digest) => {
      const stored = await this.#revisionTarget(name, digest);
      if (stored !== undefined) {
        const link =
          this.#youngerThanMs === undefined
            ? undefined
            : await this.#context.driver.stat(revisionLinkPath(name, digest));
        found.set(digest, { digest, stored, writtenAtMs: link?.modifiedAtMs ?? 0 });
      }
    });
    return digests.map((digest) => found.get(digest)).filter((one) => one !== undefined);
  }

  /** `undefined` when the repository has no folder of tags. */
  async #readTags(name: RepositoryName): Promise<TagTable | undefined> {
    const { driver } = this.#context;
    if ((await driver.stat(tagsPath(name))) === undefined) {
      return undefined;
    }
    const all: Tag[] = [];
    const current = new Set<Digest>();
    let isTorn = false;
    for await (const entries of listPages(driver, tagsPath(name))) {
      const tags = entries
        .filter((entry) => entry.isDirectory)
        .map((entry) => tryParseTag(entry.name))
        .filter((tag) => tag !== undefined);
      all.push(...tags);
      await forEachLimited(tags, parallelReads, async (tag) => {
        const path = tagLinkPath(name, tag);
        const link = await inspectLink(driver, path);
        if ('target' in link) {
          current.add(link.target);
          // A tag of a manifest pushed by another algorithm's digest keeps the revision that it stands for.
          current.add((await resolveRevision(this.#context, name, link.target)) ?? link.target);
        } else if (link.state === 'torn') {
          isTorn = true;
          this.#tellTorn(
            name,
            path,
            'no manifest of its repository counts as untagged; push the tag again, or delete it',
          );
        }
      });
    }
    return { all, current, isTorn };
  }
}

function isCanonical(digest: Digest): boolean {
  return algorithmOf(digest) === canonicalAlgorithm;
}
