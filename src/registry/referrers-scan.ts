/**
 * Finds referrers by a look at every manifest of a repository: to build the index (referrers-index.ts), and to answer
 * where there is none.
 */

import { LRUCache } from 'lru-cache';
import { ownText } from '../kept.ts';
import { type Digest, tryParseDigest } from '../oci/digest.ts';
import { type ParsedManifest, parseStoredManifest } from '../oci/manifest.ts';
import type { RepositoryName } from '../oci/reference.ts';
import { revisionsPath } from '../storage/layout.ts';
import type { RegistryContext } from './context.ts';
import { loadStored, resolveRevision } from './manifest-store.ts';
import { forEachLimited } from './parallel.ts';
import { digestPages } from './walk-storage.ts';

/** Files read at once. */
const parallelReads = 16;
/** Manifests whose subject is remembered, some 300 bytes each. */
const maxSubjects = 50_000;

/** Digests by which referrers were pushed, by the digest of their subject. */
export type ReferrersBySubject = ReadonlyMap<Digest, readonly Digest[]>;

/** A stored manifest with a subject. */
export interface ReferringManifest {
  readonly stored: Digest;
  readonly subject: Digest;
  /** By which it was pushed. */
  readonly digests: readonly Digest[];
}

/** What a digest's bytes say never changes: `false` is a manifest without a subject. */
type Subject = Digest | false;

interface Scan {
  readonly running: Promise<ReferrersBySubject>;
  /** Begins when that one ends. */
  next?: Promise<ReferrersBySubject>;
}

/**
 * Scans that answer requests. One at a time in a repository; whoever asks while it runs shares the next one, which sees
 * all that was pushed before the question, by whomever. Manifests are read the first time only.
 */
export class ReferrerScans {
  readonly #scans: Map<RepositoryName, Scan> = new Map();
  readonly #subjects: LRUCache<Digest, Subject> = new LRUCache({ max: maxSubjects });

  /** @throws driver errors */
  scan(context: RegistryContext, name: RepositoryName): Promise<ReferrersBySubject> {
    const scan = this.#scans.get(name);
    if (scan === undefined) {
      return this.#start(context, name);
    }
    const start = (): Promise<ReferrersBySubject> => this.#start(context, name);
    scan.next ??= scan.running.then(start, start);
    return scan.next;
  }

  /** Whether a manifest is known to have no subject. */
  isKnownWithout(stored: Digest): boolean {
    return this.#subjects.get(stored) === false;
  }

  /** `undefined`: the manifest cannot be read, now. */
  async subjectOf(context: RegistryContext, stored: Digest): Promise<Subject | undefined> {
    const known = this.#subjects.get(stored);
    if (known !== undefined) {
      return known;
    }
    const manifest = await loadStored(context, stored);
    if (manifest === undefined) {
      return undefined;
    }
    const subject = subjectIn(parseStoredManifest(manifest.bytes));
    this.#subjects.set(ownText(stored), subject === undefined ? false : ownText(subject));
    return subject ?? false;
  }

  #start(context: RegistryContext, name: RepositoryName): Promise<ReferrersBySubject> {
    const running = bySubject(context, name).finally(() => {
      if (scan.next === undefined) {
        this.#scans.delete(name);
      }
    });
    const scan: Scan = { running };
    this.#scans.set(name, scan);
    return running;
  }
}

/** Digest of a manifest's subject, if it has one that can be read. */
export function subjectIn({ subject }: ParsedManifest): Digest | undefined {
  return subject === undefined ? undefined : tryParseDigest(subject.digest);
}

async function bySubject(
  context: RegistryContext,
  name: RepositoryName,
): Promise<ReferrersBySubject> {
  const found = new Map<Digest, Digest[]>();
  const { referring } = await findReferring(context, name, (digest) =>
    context.referrerScans.isKnownWithout(digest),
  );
  for (const { subject, digests } of referring) {
    const known = found.get(subject);
    if (known === undefined) {
      found.set(subject, [...digests]);
    } else {
      known.push(...digests);
    }
  }
  return found;
}

/**
 * The manifests of a repository that have a subject. One pushed by another algorithm has a SHA-256 link as well, which
 * would list it twice.
 *
 * @param isOfNoUse  Digests that need no look, nor count as there.
 */
export async function findReferring(
  context: RegistryContext,
  name: RepositoryName,
  isOfNoUse: (digest: Digest) => boolean = () => false,
): Promise<{ referring: readonly ReferringManifest[]; hasManifests: boolean }> {
  const found = new Map<Digest, { subject: Digest; aliases: Digest[] }>();
  let hasManifests = false;
  const look = async (digest: Digest): Promise<void> => {
    const stored = isOfNoUse(digest) ? undefined : await resolveRevision(context, name, digest);
    if (stored === undefined) {
      return;
    }
    hasManifests = true;
    const subject = await context.referrerScans.subjectOf(context, stored);
    if (subject === undefined || subject === false) {
      return;
    }
    const known = found.get(stored) ?? { subject, aliases: [] };
    found.set(stored, known);
    if (digest !== stored) {
      known.aliases.push(digest);
    }
  };
  for await (const digests of digestPages(context.driver, revisionsPath(name))) {
    await forEachLimited(digests, parallelReads, look);
  }
  const referring = [...found].map(([stored, { subject, aliases }]) => ({
    stored,
    subject,
    digests: aliases.length === 0 ? [stored] : aliases,
  }));
  return { referring, hasManifests };
}
