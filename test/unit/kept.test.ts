/** What is kept for long holds nothing but itself. */

import { expect, it } from 'vitest';
import { ownBytes, ownText } from '../../src/kept.ts';
import { parseDigest } from '../../src/oci/digest.ts';
import { MediaType } from '../../src/oci/media-type.ts';
import { BlobCache } from '../../src/registry/blob-cache.ts';
import { ManifestCache } from '../../src/registry/manifest-cache.ts';
import { collect } from '../support/old-heap.ts';

const digest = parseDigest(`sha256:${'ab'.repeat(32)}`);

it('keeps a part of a text without the whole', () => {
  const heldBytes = (keep: (part: string) => string): number => {
    collect();
    const before = process.memoryUsage().heapUsed;
    const kept = Array.from({ length: 1000 }, (_, turn) => {
      const whole = Buffer.alloc(20_000, `digest=${turn} `).toString('latin1');
      return keep(whole.slice(100, 171));
    });
    collect();
    const held = process.memoryUsage().heapUsed - before;
    expect(kept[999]).toHaveLength(71);
    return held;
  };
  expect(heldBytes(ownText)).toBeLessThan(2e6);
});

it('gives the same text', () => {
  expect(ownText(digest)).toBe(digest);
  expect(ownText('')).toBe('');
});

it('copies bytes that lie among others, and only those', () => {
  const slab = Buffer.from('among others');
  const part = slab.subarray(6, 12);
  expect(ownBytes(part).toString()).toBe('others');
  expect(ownBytes(part).buffer.byteLength).toBe(6);
  const own = Buffer.allocUnsafeSlow(5);
  expect(ownBytes(own)).toBe(own);
});

it('caches manifests and small blobs without their neighbours', () => {
  const bytes = Buffer.from('{}');
  const manifests = new ManifestCache();
  const mediaType = MediaType.ociManifest;
  manifests.set({ digest, mediaType, bytes, references: [], isWhole: true });
  expect(manifests.get(digest)?.bytes.toString()).toBe('{}');
  expect(manifests.get(digest)?.bytes.buffer.byteLength).toBe(2);
  const blobs = new BlobCache();
  blobs.set(digest, bytes);
  expect(blobs.get(digest)?.toString()).toBe('{}');
  expect(blobs.get(digest)?.buffer.byteLength).toBe(2);
});
