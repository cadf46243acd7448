/**
 * Link files: small files that hold one digest and let a repository see a blob or a tag its manifest.
 * For requests a link that is empty, torn or otherwise unreadable counts as absent, so that a crash of any registry
 * never becomes an error here and the next push heals it (DESIGN 3). What removes or mends must tell the two apart.
 */

import { hasCode } from '../errors.ts';
import { algorithmOf, canonicalAlgorithm, type Digest, tryParseDigest } from '../oci/digest.ts';
import { DriverCode, type StorageDriver } from './driver.ts';

/** Longer content is no link; it bounds what a stray file can cost. */
const maxLinkBytes = 256;

/**
 * How a link file reads. `foreign`: of another digest than its folder, where it must be the same (`mayName`). `line-end`:
 * with blanks or a line end around it, which Distribution cannot read.
 */
export type Link =
  | { readonly state: 'absent' | 'torn' | 'foreign' }
  | { readonly state: 'good' | 'line-end'; readonly target: Digest };

/** The digest a link holds, or `undefined` when there is none that can be read. A trailing newline is forgiven. */
export async function readLink(driver: StorageDriver, path: string): Promise<Digest | undefined> {
  let content: Buffer;
  try {
    content = await driver.get(path);
  } catch (error) {
    mustBeAbsent(error);
    return undefined;
  }
  return digestIn(content);
}

/**
 * As `readLink`, and tells a link that is not there from one that cannot be read.
 *
 * @param digest  Of the link's folder; none for the link of a tag.
 */
export async function inspectLink(
  driver: StorageDriver,
  path: string,
  digest?: Digest,
): Promise<Link> {
  let content: Buffer;
  try {
    content = await driver.get(path);
  } catch (error) {
    mustBeAbsent(error);
    return { state: 'absent' };
  }
  const target = digestIn(content);
  if (target === undefined) {
    return { state: 'torn' };
  }
  return digest !== undefined && !mayName(digest, target)
    ? { state: 'foreign' }
    : { state: content.length === target.length ? 'good' : 'line-end', target };
}

function digestIn(content: Buffer): Digest | undefined {
  return content.length > maxLinkBytes
    ? undefined
    : tryParseDigest(content.toString('latin1').trim());
}

/**
 * As `readLink`, for the link in the folder of a digest (`_layers`, `revisions`). Whoever writes that of a canonical digest
 * writes the very digest, so one that holds another is as good as torn: it must not give out other bytes than were asked
 * for.
 */
export async function readDigestLink(
  driver: StorageDriver,
  path: string,
  digest: Digest,
): Promise<Digest | undefined> {
  const target = await readLink(driver, path);
  return target !== undefined && mayName(digest, target) ? target : undefined;
}

/** Whether the link in the folder of `digest` may hold `target`: an alias, of another algorithm, tells a canonical one. */
export function mayName(digest: Digest, target: Digest): boolean {
  return target === digest || algorithmOf(digest) !== canonicalAlgorithm;
}

/** Removes a link file; says whether one was there. */
export async function removeLink(driver: StorageDriver, path: string): Promise<boolean> {
  try {
    await driver.delete(path);
    return true;
  } catch (error) {
    mustBeAbsent(error);
    return false;
  }
}

/** @throws the error, unless it says that nothing is there */
function mustBeAbsent(error: unknown): void {
  if (!hasCode(error, DriverCode.notFound)) {
    throw error;
  }
}
