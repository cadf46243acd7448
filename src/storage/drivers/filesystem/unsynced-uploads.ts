/**
 * Uploads whose chunks were acknowledged before they were synced (`chunksync: commit`). Whoever wrote them, this process
 * or another, before a restart or after it: one sync covers all that the file holds.
 *
 * A sync that fails is told once. The kernel may have dropped any page of the file, and the next sync succeeds all the
 * same; so after a failure the upload goes, with what its folder tells of its bytes, before anyone can make a blob of it.
 */

import { dirname } from 'node:path';
import { closeFile, closeUnsynced, openFile, openFlags, syncData } from './file-calls.ts';
import { removeTree } from './remove.ts';

/** @throws errno errors: of the sync itself with the upload gone, others with nothing changed */
export async function syncUpload(file: string): Promise<void> {
  const fd = await openFile(file, openFlags.write);
  try {
    await syncData(fd);
  } catch (error) {
    await closeUnsynced(fd);
    await dropUpload(file);
    throw error;
  }
  closeFile(fd);
}

export async function dropUpload(file: string): Promise<void> {
  await removeTree(dirname(file)).catch(() => {
    // A file system that fails its syncs mostly takes no changes any more: then nothing becomes a blob either.
  });
}
