/** Checks one repository: its links, manifests and what they need, tags, and upload sessions. */

import { algorithmOf, canonicalAlgorithm, type Digest } from '../oci/digest.ts';
import { parseStoredManifest } from '../oci/manifest.ts';
import { type RepositoryName, type Tag, tryParseTag } from '../oci/reference.ts';
import {
  blobDataPath,
  layerLinkPath,
  layersPath,
  removedTagPath,
  revisionLinkPath,
  revisionsPath,
  tagLinkPath,
  tagPath,
  tagsPath,
  uploadPath,
  uploadsPath,
} from '../storage/layout.ts';
import { inspectLink, removeLink } from '../storage/link-store.ts';
import { deleteSession, getStartedAt } from '../storage/upload-store.ts';
import { AliasSearch } from './alias-search.ts';
import type { RegistryContext } from './context.ts';
import { checkReferences, ManifestReferencesError } from './manifest-checks.ts';
import { loadManifest, resolveRevision } from './manifest-store.ts';
import { forEachLimited } from './parallel.ts';
import { uploadAgedAtMs } from './purge-uploads.ts';
import type { Finding, VerifyRun } from './verify-report.ts';
import { digestPages, filesBelow, listPages } from './walk-storage.ts';

/** Files looked at side by side. */
const parallelReads = 16;
/** A stub without a start time may be a session that begins this very moment. */
const stubAgeMs = 60 * 60 * 1000;

export async function verifyRepository(
  context: RegistryContext,
  run: VerifyRun,
  name: RepositoryName,
  uploadAgeMs: number,
): Promise<void> {
  await new RepositoryCheck(context, run, name).all(uploadAgeMs);
}

/** What a finding is about. */
type Named = Pick<Finding, 'digest' | 'tag'>;

class RepositoryCheck {
  readonly #context: RegistryContext;
  readonly #run: VerifyRun;
  readonly #name: RepositoryName;
  readonly #aliases: AliasSearch;

  constructor(context: RegistryContext, run: VerifyRun, name: RepositoryName) {
    this.#context = context;
    this.#run = run;
    this.#name = name;
    this.#aliases = new AliasSearch(context, run.bytesPerSecond);
  }

  async all(uploadAgeMs: number): Promise<void> {
    const { driver } = this.#context;
    for await (const digests of digestPages(driver, layersPath(this.#name))) {
      await forEachLimited(digests, parallelReads, (digest) => this.#layer(digest));
    }
    for await (const digests of digestPages(driver, revisionsPath(this.#name))) {
      await forEachLimited(digests, parallelReads, (digest) => this.#revision(digest));
    }
    for await (const entries of listPages(driver, tagsPath(this.#name))) {
      await forEachLimited(entries, parallelReads, (entry) =>
        entry.isDirectory ? this.#tag(entry.name) : this.#strayFile(entry.name),
      );
    }
    for await (const entries of listPages(driver, uploadsPath(this.#name))) {
      await forEachLimited(entries, parallelReads, (entry) =>
        this.#upload(entry.name, uploadAgeMs),
      );
    }
  }

  async #layer(digest: Digest): Promise<void> {
    const path = layerLinkPath(this.#name, digest);
    const link = await this.#link(path, digest, layersPath(this.#name));
    if (link === undefined || (await this.#hasData(link))) {
      return;
    }
    const isRemoved = this.#run.repair && (await this.#removeDangling(path, link));
    this.#found(
      'dangling-link',
      path,
      { digest: link },
      'the blob is not there',
      isRemoved && 'removed',
    );
  }

  async #revision(digest: Digest): Promise<void> {
    const path = revisionLinkPath(this.#name, digest);
    const stored = await this.#link(path, digest, revisionsPath(this.#name));
    if (stored === undefined) {
      return;
    }
    this.#run.counts.manifests += 1;
    if (!(await this.#hasData(stored))) {
      this.#found('dangling-revision', path, { digest }, 'the manifest is not there');
      return;
    }
    const manifest = await loadManifest(this.#context, stored);
    if (manifest === undefined) {
      this.#found(
        'unreadable-manifest',
        blobDataPath(stored),
        { digest },
        'cannot be read, or not in full',
      );
      return;
    }
    try {
      await checkReferences(this.#context, this.#name, parseStoredManifest(manifest.bytes));
    } catch (error) {
      if (!(error instanceof ManifestReferencesError)) {
        throw error;
      }
      for (const { code, detail } of error.entries) {
        // Whether its URLs are allowed today is a question for pushes.
        if (code === 'MANIFEST_BLOB_UNKNOWN') {
          this.#found('missing-reference', path, { digest }, `needs ${String(detail)}`);
        }
      }
    }
  }

  async #tag(entry: string): Promise<void> {
    const tag = tryParseTag(entry);
    if (tag === undefined) {
      return this.#strayFile(entry);
    }
    this.#run.counts.tags += 1;
    const path = tagLinkPath(this.#name, tag);
    const link = await inspectLink(this.#context.driver, path);
    if (!('target' in link)) {
      const isRemoved =
        this.#run.repair && link.state === 'absent' && (await this.#removeBare(tag));
      const detail = 'its link is empty, torn or not there';
      this.#found('dangling-tag', path, { tag }, detail, isRemoved && 'removed');
      return;
    }
    if (link.state === 'line-end') {
      await this.#rewrite(path, link.target, { tag });
    }
    const stored = await resolveRevision(this.#context, this.#name, link.target);
    if (stored === undefined || !(await this.#hasData(stored))) {
      this.#found('dangling-tag', path, { tag }, `${link.target} is not there`);
    }
  }

  /**
   * Removes the folder of a tag that holds nothing, as a push that failed leaves it. A push at the same moment would lose
   * its link with the folder: it is put aside first, whole, and what it holds after all goes back.
   */
  async #removeBare(tag: Tag): Promise<boolean> {
    const { driver, newId } = this.#context;
    const path = tagPath(this.#name, tag);
    // Without folders of their own, object stores have none that are empty.
    if (!driver.abilities.renamesFolders || !(await this.#isBare(path))) {
      return false;
    }
    const aside = removedTagPath(this.#name, newId());
    await driver.apply([{ kind: 'recycle', from: path, to: aside, holds: [] }]);
    let isBare = true;
    for await (const file of filesBelow(driver, aside)) {
      isBare = false;
      const to = path + file.slice(aside.length);
      await driver.apply([{ kind: 'move', from: file, to, keepExisting: true }]);
    }
    // Not there when it could not be put aside: then nothing was changed.
    return (await removeLink(driver, aside)) && isBare;
  }

  async #isBare(path: string): Promise<boolean> {
    for await (const _ of filesBelow(this.#context.driver, path)) {
      return false;
    }
    return true;
  }

  #strayFile(entry: string): Promise<void> {
    this.#found('stray-file', `${tagsPath(this.#name)}/${entry}`, {}, 'is no tag');
    return Promise.resolve();
  }

  async #upload(id: string, uploadAgeMs: number): Promise<void> {
    const { driver, now } = this.#context;
    this.#run.counts.uploads += 1;
    const startedAtMs = await getStartedAt(driver, this.#name, id);
    const agedAtMs = startedAtMs ?? (await uploadAgedAtMs(this.#context, this.#name, id));
    const allowedMs = startedAtMs === undefined ? stubAgeMs : uploadAgeMs;
    if (agedAtMs === undefined || agedAtMs > now() - allowedMs) {
      return;
    }
    if (this.#run.repair) {
      await deleteSession(driver, this.#name, id);
    }
    const since = `${startedAtMs === undefined ? 'no start time, untouched' : 'begun and not finished'} since ${new Date(agedAtMs).toISOString()}`;
    this.#found(
      'orphan-upload',
      uploadPath(this.#name, id),
      {},
      since,
      this.#run.repair && 'removed',
    );
  }

  /**
   * Digest a link holds; a torn one, or one of another digest than its folder, is reported, and mended where the folder's
   * name and the data tell how.
   */
  async #link(path: string, digest: Digest, siblings: string): Promise<Digest | undefined> {
    const link = await inspectLink(this.#context.driver, path, digest);
    if (link.state === 'absent') {
      return undefined;
    }
    this.#run.counts.links += 1;
    if ('target' in link) {
      if (link.state === 'line-end') {
        await this.#rewrite(path, link.target, { digest });
      }
      return link.target;
    }
    const what = link.state === 'foreign' ? 'names another digest' : 'empty or cut short';
    const target = await this.#tornTarget(digest, siblings);
    if (target !== 'gone' && target !== 'unknown') {
      await this.#rewrite(path, target, { digest }, what);
      return target;
    }
    // What a blob that cannot be read now may be named by stays.
    const isRemoved = this.#run.repair && target === 'gone';
    if (isRemoved) {
      await this.#removeTorn(path, digest);
    }
    this.#found(
      'torn-link',
      path,
      { digest },
      target === 'gone'
        ? `${what}, and its data is not there`
        : `${what}, and not all it may name can be read`,
      isRemoved && 'removed',
    );
    return undefined;
  }

  /** What a torn link held: its folder's digest, or for that of another algorithm the SHA-256 of the same bytes. */
  async #tornTarget(digest: Digest, siblings: string): Promise<Digest | 'gone' | 'unknown'> {
    if (algorithmOf(digest) !== canonicalAlgorithm) {
      return this.#aliases.find(siblings, digest);
    }
    return (await this.#hasData(digest)) ? digest : 'gone';
  }

  async #rewrite(
    path: string,
    target: Digest,
    named: Named,
    what = 'ends with a line end',
  ): Promise<void> {
    if (this.#run.repair) {
      await this.#context.driver.put(path, target);
    }
    this.#found('torn-link', path, named, what, this.#run.repair && 'rewritten');
  }

  /** Removes a link without data, unless a push brought the data at the same moment. */
  async #removeDangling(path: string, target: Digest): Promise<boolean> {
    await removeLink(this.#context.driver, path);
    if (await this.#hasData(target)) {
      await this.#context.driver.put(path, target);
      return false;
    }
    return true;
  }

  async #removeTorn(path: string, digest: Digest): Promise<void> {
    const { state } = await inspectLink(this.#context.driver, path, digest);
    if (state === 'torn' || state === 'foreign') {
      await removeLink(this.#context.driver, path);
    }
  }

  async #hasData(digest: Digest): Promise<boolean> {
    return (await this.#context.driver.stat(blobDataPath(digest)))?.isDirectory === false;
  }

  #found(
    kind: Finding['kind'],
    path: string,
    named: Named,
    detail: string,
    repaired: Finding['repaired'] | false = false,
  ): void {
    this.#run.found({
      kind,
      path,
      repository: this.#name,
      ...named,
      detail,
      ...(repaired ? { repaired } : {}),
    });
  }
}
