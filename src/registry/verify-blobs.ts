/** Hashes every stored blob again, a few at a time in the workers, and takes corrupt ones out of the way. */

import { errorText, hasCode } from '../errors.ts';
import { algorithmOf, type Digest, encodedOf } from '../oci/digest.ts';
import { DriverCode } from '../storage/driver.ts';
import { blobDataPath, quarantinedBlobPath } from '../storage/layout.ts';
import type { RegistryContext } from './context.ts';
import { forEachLimited } from './parallel.ts';
import type { VerifyRun } from './verify-report.ts';
import { blobPages } from './walk-storage.ts';

/** Blobs hashed side by side: enough for a few cores and disks, and a small part of a machine that serves. */
const parallelBlobs = 4;

/** @throws driver errors of listing; those of single blobs are findings */
export async function verifyBlobs(context: RegistryContext, run: VerifyRun): Promise<void> {
  const { bytesPerSecond } = run;
  const share = bytesPerSecond === undefined ? undefined : bytesPerSecond / parallelBlobs;
  for await (const digests of blobPages(context.driver)) {
    await forEachLimited(digests, parallelBlobs, (digest) =>
      verifyBlob(context, run, digest, share),
    );
  }
}

async function verifyBlob(
  context: RegistryContext,
  run: VerifyRun,
  digest: Digest,
  bytesPerSecond: number | undefined,
): Promise<void> {
  const path = blobDataPath(digest);
  let isWhole: boolean;
  try {
    const held = await hash(context, path, digest, bytesPerSecond);
    run.counts.blobs += 1;
    run.counts.bytes += held.sizeBytes;
    isWhole = held.isWhole;
  } catch (error) {
    // A folder without data is what an interrupted removal leaves; links to it are found from their side.
    if (!hasCode(error, DriverCode.notFound)) {
      run.counts.blobs += 1;
      run.found({ kind: 'unreadable-blob', path, digest, detail: errorText(error) });
    }
    return;
  }
  if (!isWhole) {
    const isQuarantined = run.repair && (await quarantine(context, digest));
    run.found({
      kind: 'corrupt-blob',
      path,
      digest,
      detail: 'content does not match digest',
      ...(isQuarantined ? { repaired: 'quarantined' } : {}),
    });
  }
}

async function hash(
  context: RegistryContext,
  path: string,
  digest: Digest,
  bytesPerSecond?: number,
): Promise<{ sizeBytes: number; isWhole: boolean }> {
  const algorithm = algorithmOf(digest);
  const { sizeBytes, digests } = await context.bodies.digestFile(path, [algorithm], bytesPerSecond);
  return { sizeBytes, isWhole: digests[algorithm] === encodedOf(digest) };
}

/** Moves a corrupt blob aside. A push may have put a whole one in its place meanwhile: that one goes back. */
async function quarantine(context: RegistryContext, digest: Digest): Promise<boolean> {
  const from = blobDataPath(digest);
  const to = quarantinedBlobPath(digest);
  try {
    await context.driver.move(from, to);
  } catch (error) {
    if (hasCode(error, DriverCode.notFound)) {
      return false;
    }
    throw error;
  }
  if ((await hash(context, to, digest)).isWhole) {
    await context.driver.apply([{ kind: 'move', from: to, to: from, keepExisting: true }]);
    return false;
  }
  return true;
}
