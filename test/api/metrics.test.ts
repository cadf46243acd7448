import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ApiClient } from '../support/api-client.ts';
import { RawConnection } from '../support/raw-connection.ts';
import { type RunningRegistry, startRegistry } from '../support/registry.ts';

describe('metrics of the running registry', () => {
  let registry: RunningRegistry;
  let api: ApiClient;
  let debug = '';

  beforeAll(async () => {
    registry = await startRegistry({
      config: { http: { debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } } },
    });
    api = new ApiClient(registry.port);
    debug = await vi.waitUntil(
      () => /debug server listening (127\.0\.0\.1:\d+)/.exec(registry.log())?.[1],
      { timeout: 5_000 },
    );
  });
  afterAll(async () => {
    api.close();
    await registry.stop();
  });

  async function value(sample: string): Promise<number> {
    const text = await (await fetch(`http://${debug}/metrics`)).text();
    const line = text.split('\n').find((row) => row.startsWith(`${sample} `));
    return Number(line?.slice(sample.length + 1));
  }

  it('count an upload while its body comes in, and no longer when the client left', async () => {
    const location = new URL(await api.startUpload('metered'));
    expect(await value('longshore_uploads_open')).toBe(0);
    const connection = await RawConnection.open(registry.port);
    connection.send(
      `PATCH ${location.pathname}${location.search} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nbytes`,
    );
    await vi.waitUntil(async () => (await value('longshore_uploads_open')) === 1, 10_000);
    connection.end();
    await vi.waitUntil(async () => (await value('longshore_uploads_open')) === 0, 10_000);
  });

  it('time the storage calls of a push, and the request itself', async () => {
    const bytes = 'a blob to be counted';
    await api.pushBlob('metered', bytes);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    expect((await api.get(`/v2/metered/blobs/${digest}`)).status).toBe(200);
    const moved = 'registry_storage_action_seconds_count{driver="filesystem",action="PutContent"}';
    expect(await value(moved)).toBeGreaterThan(0);
    expect(
      await value('registry_http_requests_total{code="200",handler="blob",method="get"}'),
    ).toBe(1);
  });
});
