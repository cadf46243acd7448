/**
 * Counts of the pull-through cache, kept whether or not Prometheus is on: /debug/vars always shows them.
 * The proxy calls; metrics.ts and the debug server read.
 */

export type ProxyContent = 'blob' | 'manifest';

/** Numbers of one kind of content, in the shape and case of `/debug/vars`. */
export interface ProxyCounts {
  Requests: number;
  Hits: number;
  Misses: number;
  /** From the upstream registry. */
  BytesPulled: number;
  /** To clients. */
  BytesPushed: number;
}

export class ProxyStats {
  readonly blob: ProxyCounts = zero();
  readonly manifest: ProxyCounts = zero();

  /** A client was served from what is stored here. */
  hit(content: ProxyContent, servedBytes: number): void {
    const counts = this[content];
    counts.Requests += 1;
    counts.Hits += 1;
    counts.BytesPushed += servedBytes;
  }

  /** A client was served from upstream. `pulledBytes` is what upstream sent, even when the client left early. */
  miss(content: ProxyContent, servedBytes: number, pulledBytes: number): void {
    const counts = this[content];
    counts.Requests += 1;
    counts.Misses += 1;
    counts.BytesPushed += servedBytes;
    counts.BytesPulled += pulledBytes;
  }

  toJSON(): { blobs: ProxyCounts; manifests: ProxyCounts } {
    return { blobs: { ...this.blob }, manifests: { ...this.manifest } };
  }
}

function zero(): ProxyCounts {
  return { Requests: 0, Hits: 0, Misses: 0, BytesPulled: 0, BytesPushed: 0 };
}
