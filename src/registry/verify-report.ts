/** What verify finds, and what it tells at the end. */

import type { Digest } from '../oci/digest.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';

/**
 * Kinds of findings, and what `--repair` does about each:
 *
 *   corrupt-blob         bytes do not hash to their digest         moved into the quarantine
 *   unreadable-blob      storage cannot read it                    nothing
 *   dangling-link        a repository's link to a blob that is     removed: the digest stands in manifests too, and
 *                        not there                                  a push writes the link again
 *   torn-link            empty, cut short, with a line end          written anew where the data is there, removed where
 *                        (Distribution cannot read that), or of     it is not; nothing where that cannot be told
 *                        another digest than its folder
 *   dangling-revision    link to a manifest that is not there       nothing: it tells what must be pushed again
 *   unreadable-manifest  not its digest's bytes, no manifest, or    nothing
 *                        one whose references cannot all be read
 *   missing-reference    a manifest needs what is not there         nothing: as above
 *   dangling-tag         points at no manifest, or nowhere          nothing: the next push of the tag mends it; but a
 *                                                                  folder that holds nothing, as a push that failed
 *                                                                  leaves it, is removed
 *   stray-file           a file where only tags belong              nothing: not ours
 *   orphan-upload        session without a start time, or older     removed, as upload purging would
 *                        than upload purging allows
 *   leftover-temp        temp files of writers that died            removed
 */
export type FindingKind =
  | 'corrupt-blob'
  | 'unreadable-blob'
  | 'dangling-link'
  | 'torn-link'
  | 'dangling-revision'
  | 'unreadable-manifest'
  | 'missing-reference'
  | 'dangling-tag'
  | 'stray-file'
  | 'orphan-upload'
  | 'leftover-temp';

export interface Finding {
  readonly kind: FindingKind;
  /** Storage path. */
  readonly path: string;
  readonly repository?: RepositoryName;
  readonly digest?: Digest;
  readonly tag?: Tag;
  readonly detail: string;
  /** What was done about it; absent when nothing was. */
  readonly repaired?: 'quarantined' | 'removed' | 'rewritten';
}

export interface VerifyCounts {
  blobs: number;
  bytes: number;
  repositories: number;
  links: number;
  manifests: number;
  tags: number;
  uploads: number;
  findings: number;
  repaired: number;
}

export function newCounts(): VerifyCounts {
  return {
    blobs: 0,
    bytes: 0,
    repositories: 0,
    links: 0,
    manifests: 0,
    tags: 0,
    uploads: 0,
    findings: 0,
    repaired: 0,
  };
}

/** Where findings go, one by one: nothing is kept, however many there are. */
export interface VerifyRun {
  readonly repair: boolean;
  /** Bytes hashed per second, over all blobs; `undefined`: as fast as it goes. */
  readonly bytesPerSecond: number | undefined;
  readonly counts: VerifyCounts;
  found(finding: Finding): void;
}
