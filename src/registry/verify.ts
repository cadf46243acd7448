/**
 * `longshore verify`: walks storage, hashes every blob again, and checks that links, manifests, tags and upload
 * sessions hang together. Safe beside a running registry: what is repaired is looked at once more afterwards, so that
 * a push at the same moment is not undone. A running registry may go on to claim a quarantined blob until it is
 * restarted, since it caches facts of blobs.
 */

import { rootPath } from '../storage/layout.ts';
import type { RegistryContext } from './context.ts';
import { verifyBlobs } from './verify-blobs.ts';
import { type Finding, newCounts, type VerifyCounts, type VerifyRun } from './verify-report.ts';
import { verifyRepository } from './verify-repository.ts';
import { walkRepositoryFolders } from './walk-storage.ts';

export interface VerifyOptions {
  readonly repair: boolean;
  /** Bytes hashed per second, over all blobs; `undefined`: as fast as it goes. */
  readonly bytesPerSecond: number | undefined;
  /** Upload sessions begun longer ago are orphans. */
  readonly uploadAgeMs: number;
}

/** A writer that has not renamed its temp file for so long is gone. */
const tempAgeMs = 60 * 60 * 1000;

/** Goes over all storage once. @throws driver errors other than those of single blobs */
export async function verifyStorage(
  context: RegistryContext,
  options: VerifyOptions,
  report: (finding: Finding) => void,
): Promise<VerifyCounts> {
  const counts = newCounts();
  const run: VerifyRun = {
    repair: options.repair,
    bytesPerSecond: options.bytesPerSecond,
    counts,
    found(finding): void {
      counts.findings += 1;
      counts.repaired += finding.repaired === undefined ? 0 : 1;
      report(finding);
    },
  };
  await verifyBlobs(context, run);
  for await (const name of walkRepositoryFolders(context.driver)) {
    counts.repositories += 1;
    await verifyRepository(context, run, name, options.uploadAgeMs);
  }
  await verifyTemps(context, run);
  return counts;
}

async function verifyTemps(context: RegistryContext, run: VerifyRun): Promise<void> {
  const olderThanMs = context.now() - tempAgeMs;
  const count =
    (await context.driver.purgeUploads?.(rootPath, olderThanMs, { dryRun: !run.repair })) ?? 0;
  if (count > 0) {
    run.found({
      kind: 'leftover-temp',
      path: rootPath,
      detail: `${count} left by writers that died`,
      ...(run.repair ? { repaired: 'removed' } : {}),
    });
  }
}
