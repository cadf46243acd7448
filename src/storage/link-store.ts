/**
 * Link files: small files that hold one digest and let a repository see a blob or a tag its manifest.
 * A link that is empty, torn or otherwise unreadable counts as absent, so that a crash of any registry never becomes
 * an error here and the next push heals it (DESIGN 3).
 */

import { hasCode } from '../errors.ts';
import { type Digest, tryParseDigest } from '../oci/digest.ts';
import { DriverCode, type StorageDriver } from './driver.ts';

/** Longer content is no link; it bounds what a stray file can cost. */
const maxLinkBytes = 256;

/** The digest a link holds, or `undefined` when there is none that can be read. A trailing newline is forgiven. */
export async function readLink(driver: StorageDriver, path: string): Promise<Digest | undefined> {
  let content: Buffer;
  try {
    content = await driver.get(path);
  } catch (error) {
    if (hasCode(error, DriverCode.notFound)) {
      return undefined;
    }
    throw error;
  }
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
    if (hasCode(error, DriverCode.notFound)) {
      return false;
    }
    throw error;
  }
}
