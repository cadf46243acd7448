/** Checks one repository: its links, manifests and what they need, tags, and upload sessions. */

import { hasCode } from '../errors.ts';
import { algorithmOf, canonicalAlgorithm, type Digest, tryParseDigest } from '../oci/digest.ts';
import { parseStoredManifest } from '../oci/manifest.ts';
import { type RepositoryName, tryParseTag } from '../oci/reference.ts';
import { DriverCode } from '../storage/driver.ts';
import {
  blobDataPath,
  layerLinkPath,
  layersPath,
  revisionLinkPath,
  revisionsPath,
  tagLinkPath,
  tagsPath,
  uploadPath,
  uploadsPath,
} from '../storage/layout.ts';
import { removeLink } from '../storage/link-store.ts';
import { deleteSession, getStartedAt } from '../storage/upload-store.ts';
import type { RegistryContext } from './context.ts';
import { checkReferences, ManifestReferencesError } from './manifest-checks.ts';
import { loadManifest, resolveRevision } from './manifest-store.ts';
import { forEachLimited } from './parallel.ts';
import { uploadAgedAtMs } from './purge-uploads.ts';
import type { Finding, VerifyRun } from './verify-report.ts';
import { digestPages, listPages } from './walk-storage.ts';

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

/** How a link file reads. */
type Link =
  | { readonly state: 'absent' | 'torn' }
  | { readonly state: 'good' | 'line-end'; readonly target: Digest };

class RepositoryCheck {
  readonly #context: RegistryContext;
  readonly #run: VerifyRun;
  readonly #name: RepositoryName;

  constructor(context: RegistryContext, run: VerifyRun, name: RepositoryName) {
    this.#context = context;
    this.#run = run;
    this.#name = name;
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
    const link = await this.#link(path, digest);
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
    const stored = await this.#link(path, digest);
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
      this.#found('unreadable-manifest', blobDataPath(stored), { digest }, 'cannot be read as one');
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
    const link = await this.#read(path);
    if (!('target' in link)) {
      this.#found('dangling-tag', path, { tag }, 'its link is empty, torn or not there');
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

  /** Digest a link holds; a torn one is reported, and mended where its folder's name and the data tell how. */
  async #link(path: string, digest: Digest): Promise<Digest | undefined> {
    const link = await this.#read(path);
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
    // An alias (another algorithm) does not tell where its bytes are.
    const isKnown = algorithmOf(digest) === canonicalAlgorithm && (await this.#hasData(digest));
    if (isKnown) {
      await this.#rewrite(path, digest, { digest });
      return digest;
    }
    if (this.#run.repair) {
      await this.#removeTorn(path);
    }
    this.#found(
      'torn-link',
      path,
      { digest },
      'empty or cut short, and its data is not there',
      this.#run.repair && 'removed',
    );
    return undefined;
  }

  async #rewrite(path: string, target: Digest, named: Named): Promise<void> {
    if (this.#run.repair) {
      await this.#context.driver.put(path, target);
    }
    this.#found(
      'torn-link',
      path,
      named,
      'empty, cut short, or with a line end',
      this.#run.repair && 'rewritten',
    );
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

  async #removeTorn(path: string): Promise<void> {
    const link = await this.#read(path);
    if (link.state === 'torn') {
      await removeLink(this.#context.driver, path);
    }
  }

  async #read(path: string): Promise<Link> {
    try {
      const text = (await this.#context.driver.get(path)).toString('latin1');
      const target = tryParseDigest(text.trim());
      if (target === undefined) {
        return { state: 'torn' };
      }
      return { state: text === target ? 'good' : 'line-end', target };
    } catch (error) {
      if (hasCode(error, DriverCode.notFound)) {
        return { state: 'absent' };
      }
      throw error;
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
