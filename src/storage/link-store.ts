/**
 * Link files: small files that hold one digest and let a repository see a blob or a tag its manifest.
 * For requests a link that is empty, torn or otherwise unreadable counts as absent, so that a crash of any registry
 * never becomes an error here and the next push heals it (DESIGN 3). What removes or mends must tell the two apart.
 */

import { hasCode } from '../errors.ts';
import { type Digest, tryParseDigest } from '../oci/digest.ts';
import { DriverCode, type StorageDriver } from './driver.ts';

/** Longer content is no link; it bounds what a stray file can cost. */
const maxLinkBytes = 256;

/** How a link file reads. `line-end`: with blanks or a line end around it, which Distribution cannot read. */
export type Link =
  | { readonly state: 'absent' | 'torn' }
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

/** As `readLink`, and tells a link that is not there from one that cannot be read. */
export async function inspectLink(driver: StorageDriver, path: string): Promise<Link> {
  let content: Buffer;
  try {
    content = await driver.get(path);
  } catch (error) {
    mustBeAbsent(error);
    return { state: 'absent' };
  }
  const target = digestIn(content);
  return target === undefined
    ? { state: 'torn' }
    : { state: content.length === target.length ? 'good' : 'line-end', target };
}

function digestIn(content: Buffer): Digest | undefined {
  return content.length > maxLinkBytes
    ? undefined
    : tryParseDigest(content.toString('latin1').trim());
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
