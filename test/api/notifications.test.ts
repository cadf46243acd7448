/** What the registry tells its notification endpoints, as a receiver sees it. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiClient, digestOf } from '../support/api-client.ts';
import { HttpSink } from '../support/http-sink.ts';
import { frontEnds, type RunningRegistry, startRegistry } from '../support/registry.ts';

const ociIndex = 'application/vnd.oci.image.index.v1+json';

interface SeenEvent {
  readonly action: string;
  readonly target: { readonly digest?: string; readonly tag?: string; readonly url?: string };
}

describe.each(frontEnds)('notifications, %s front end', (frontEnd) => {
  let sink: HttpSink;
  let registry: RunningRegistry;
  beforeEach(async () => {
    sink = await new HttpSink().open();
    const notifications = { endpoints: [{ name: 'sink', url: sink.url }] };
    registry = await startRegistry({ frontEnd, config: { notifications } });
  });
  afterEach(async () => {
    await registry.stop();
    await sink.close();
  });

  async function events(count: number): Promise<SeenEvent[]> {
    await sink.until(() => sink.accepted.length >= count);
    return sink.accepted.flatMap(
      ({ body }) => (JSON.parse(body) as { events: SeenEvent[] }).events,
    );
  }

  it('tell each tag that a manifest gets, one event per tag', async () => {
    const api = new ApiClient(registry.port);
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: ociIndex,
      manifests: [],
    });
    const digest = digestOf(text);
    for (const reference of [`${digest}?tag=q1&tag=q2`, digest, 'q3']) {
      const reply = await api.putManifest('some/repo', reference, text, ociIndex);
      expect(reply.status).toBe(201);
    }
    expect(
      (await events(4)).map(({ action, target }) => [action, target.digest, target.tag]),
    ).toEqual([
      ['push', digest, 'q1'],
      ['push', digest, 'q2'],
      ['push', digest, undefined],
      ['push', digest, 'q3'],
    ]);
  });
});

describe.each([1, 2])('with %d processes', (processes) => {
  it('each event names its process as the log lines of its request do', async () => {
    const sink = await new HttpSink().open();
    const registry = await startRegistry({
      config: {
        http: { processes },
        notifications: { endpoints: [{ name: 'sink', url: sink.url }] },
      },
    });
    const seen = new Map<string, string>();
    while (new Set(seen.values()).size < processes) {
      // A connection each: any process may get it.
      const api = new ApiClient(registry.port, { keepAlive: false });
      await api.pushBlob('some/repo', 'a blob');
      await sink.until(() => sink.accepted.length > seen.size);
      for (const { body } of sink.accepted) {
        const [event] = (JSON.parse(body) as { events: Sourced[] }).events;
        seen.set(event?.request.id ?? '', event?.source.instanceID ?? '');
      }
    }
    await registry.stop();
    await sink.close();
    const lines = registry.log().split('\n');
    for (const [requestId, instanceId] of seen) {
      const line = lines.find((text) => text.includes(requestId));
      expect(/instance\.id="?([^ "]+)/.exec(line ?? '')?.[1]).toBe(instanceId);
    }
  }, 60_000);
});

interface Sourced {
  readonly request: { readonly id: string };
  readonly source: { readonly instanceID: string };
}
