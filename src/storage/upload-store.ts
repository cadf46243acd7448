/**
 * What an upload session keeps in storage beside its data: when it began, hash states in Distribution's format, and
 * our own note of the digest so far. Knows files, not the rules of the protocol (registry/upload-session.ts does).
 */

import { hasCode } from '../errors.ts';
import { type DigestAlgorithm, isDigestAlgorithm } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/reference.ts';
import { DriverCode, type Durability, type StorageDriver } from './driver.ts';
import { uploadHashStatePath, uploadNotePath, uploadPath, uploadStartedAtPath } from './layout.ts';
import { type Digests, isHashState } from './upload-hash.ts';

/** What is known of an upload's first `sizeBytes` bytes. */
export interface UploadNote {
  readonly sizeBytes: number;
  readonly digests: Digests;
  /** Algorithm that the client announced with `digest-algorithm=`. */
  readonly algorithm?: DigestAlgorithm;
}

/** Begins a session. Not synced: until bytes are acknowledged nobody was promised anything. */
export async function putStartedAt(
  driver: StorageDriver,
  name: RepositoryName,
  id: string,
  startedAtMs: number,
): Promise<void> {
  const text = new Date(startedAtMs).toISOString().replace(/\.\d+Z$/, 'Z');
  await driver.put(uploadStartedAtPath(name, id), text, { durable: false });
}

/**
 * When the session began, in milliseconds, or `undefined` when there is no such session.
 * A torn `startedat` (power cut) still means a session: its age is then the file's.
 */
export async function getStartedAt(
  driver: StorageDriver,
  name: RepositoryName,
  id: string,
): Promise<number | undefined> {
  const path = uploadStartedAtPath(name, id);
  const content = await getIfThere(driver, path);
  if (content === undefined) {
    return undefined;
  }
  const startedAtMs = Date.parse(content.toString('latin1').trim());
  return Number.isNaN(startedAtMs) ? (await driver.stat(path))?.modifiedAtMs : startedAtMs;
}

/** SHA-256 state at exactly `offset`, whoever saved it; a wrong one counts as none. */
export async function getHashState(
  driver: StorageDriver,
  name: RepositoryName,
  id: string,
  offset: number,
): Promise<Uint8Array | undefined> {
  const state = await getIfThere(driver, uploadHashStatePath(name, id, 'sha256', offset));
  return state !== undefined && isHashState(state, offset) ? state : undefined;
}

/**
 * Saves a state. A hint: losing it costs one more read of the data at commit. Durable for the session's first bytes,
 * which takes the session's own folder along: a worker that wrote them does not know that it is new.
 */
export async function putHashState(
  driver: StorageDriver,
  name: RepositoryName,
  id: string,
  offset: number,
  state: Uint8Array,
  durability: Durability,
): Promise<void> {
  await driver.put(uploadHashStatePath(name, id, 'sha256', offset), state, durability);
}

/** Drops an older state, so that a thousand chunks do not leave a thousand files. */
export async function deleteHashState(
  driver: StorageDriver,
  name: RepositoryName,
  id: string,
  offset: number,
): Promise<void> {
  await deleteIfThere(driver, uploadHashStatePath(name, id, 'sha256', offset));
}

export async function getNote(
  driver: StorageDriver,
  name: RepositoryName,
  id: string,
): Promise<UploadNote | undefined> {
  const content = await getIfThere(driver, uploadNotePath(name, id));
  return content === undefined ? undefined : parseNote(content.toString('utf8'));
}

/** As `putHashState`: a hint, durable for the session's first bytes. */
export async function putNote(
  driver: StorageDriver,
  name: RepositoryName,
  id: string,
  note: UploadNote,
  durability: Durability,
): Promise<void> {
  await driver.put(uploadNotePath(name, id), JSON.stringify(note), durability);
}

/** Removes a session with all it holds; a session that is gone already is fine. */
export async function deleteSession(
  driver: StorageDriver,
  name: RepositoryName,
  id: string,
): Promise<void> {
  await deleteIfThere(driver, uploadPath(name, id));
}

function parseNote(text: string): UploadNote | undefined {
  try {
    const { sizeBytes, digests, algorithm } = JSON.parse(text) as Partial<UploadNote>;
    if (typeof sizeBytes !== 'number' || typeof digests !== 'object' || digests === null) {
      return undefined;
    }
    const known = typeof algorithm === 'string' && isDigestAlgorithm(algorithm);
    return { sizeBytes, digests, ...(known ? { algorithm } : {}) };
  } catch {
    // Torn by a crash: a hint less, nothing lost.
    return undefined;
  }
}

async function getIfThere(driver: StorageDriver, path: string): Promise<Buffer | undefined> {
  try {
    return await driver.get(path);
  } catch (error) {
    if (hasCode(error, DriverCode.notFound)) {
      return undefined;
    }
    throw error;
  }
}

/** Tidying up: if a power cut brings a session back, purging finds it. */
async function deleteIfThere(driver: StorageDriver, path: string): Promise<void> {
  try {
    await driver.delete(path, { durable: false });
  } catch (error) {
    if (!hasCode(error, DriverCode.notFound)) {
      throw error;
    }
  }
}
