/** At debug the log says where the time of a request went; for both ways a body is stored, and for downloads. */

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ApiClient } from '../support/api-client.ts';
import { noise } from '../support/bytes.ts';
import { frontEnds, type RunningRegistry, startRegistry } from '../support/registry.ts';

describe.each(frontEnds)('phases of requests on %s', (frontEnd) => {
  let registry: RunningRegistry;
  let api: ApiClient;

  beforeAll(async () => {
    registry = await startRegistry({
      frontEnd,
      config: { log: { level: 'debug' }, storage: { cache: { blobdescriptor: 'inmemory' } } },
    });
    api = new ApiClient(registry.port);
  });
  afterAll(async () => {
    api.close();
    await registry.stop();
  });

  /** Fields of the log line of the request with this id. */
  function lineOf(id: string): Promise<string> {
    return vi.waitUntil(
      () =>
        registry
          .log()
          .split('\n')
          .find((line) => line.includes(`http.request.id=${id} `)),
      10_000,
    );
  }

  it.each([
    ['small', 4 * 1024],
    ['large', 3 * 1024 * 1024],
  ])('show storage and hash of a %s upload', async (size, sizeBytes) => {
    const location = await api.startUpload('phases');
    const id = `${frontEnd}-push-${size}`;
    await api.patch(location, noise(sizeBytes), { 'x-request-id': id });
    expect(await lineOf(id)).toMatch(
      / timing\.hash="?[\d.]+(?:ns|µs|ms|s)"? timing\.storage="?[\d.]/,
    );
  });

  it('show storage of a download, and no hash', async () => {
    const digest = await api.pushBlob('phases', noise(2 * 1024 * 1024));
    const id = `${frontEnd}-pull`;
    await api.get(`/v2/phases/blobs/${digest}`, { 'x-request-id': id });
    const line = await lineOf(id);
    expect(line).toMatch(/ timing\.storage="?[\d.]/);
    expect(line).not.toContain('timing.hash');
  });

  it('show neither for a request that needs none', async () => {
    const id = `${frontEnd}-base`;
    await api.get('/v2/', { 'x-request-id': id });
    expect(await lineOf(id)).not.toContain('timing.');
  });
});
