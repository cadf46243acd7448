/** Many uploads at once: all succeed, and memory is bound by the buffers in flight and not by the number of uploads. */

import { describe, expect, it } from 'vitest';
import { blobMaker, peakMemoryMib, uploadBlob } from '../../bench/support/light-upload.ts';
import { ApiClient } from '../support/api-client.ts';
import { frontEnds, startRegistry } from '../support/registry.ts';

const uploads = 100;
const mebibyte = 1024 * 1024;
const mib = 8;
/** Buffers in flight, threads and garbage; far below the 800 MiB that the bodies have together. */
const growthMib = 300;

describe.each(frontEnds)('uploads at once (%s)', (frontEnd) => {
  it(`all ${uploads} succeed within bounded memory`, { timeout: 300_000 }, async () => {
    const registry = await startRegistry({ frontEnd });
    try {
      const blobOf = blobMaker(Buffer.alloc(mebibyte, 'many'), mib);
      const blobs = Array.from({ length: uploads }, (_, n) => blobOf(n));
      const before = await peakMemoryMib(registry.pid);
      await Promise.all(blobs.map((blob) => uploadBlob(registry.port, 'team/many', blob)));
      expect((await peakMemoryMib(registry.pid)) - before).toBeLessThan(growthMib);
      const api = new ApiClient(registry.port);
      for (const blob of blobs) {
        const reply = await api.send('HEAD', `/v2/team/many/blobs/${blob.digest}`);
        expect([reply.status, reply.headers['content-length']]).toEqual([
          200,
          String(blob.sizeBytes),
        ]);
      }
      api.close();
    } finally {
      await registry.stop();
    }
  });
});
