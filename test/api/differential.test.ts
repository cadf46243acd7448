/**
 * Plays one script against Debian's docker-registry and against us, and moves data between the two: whoever changes
 * over, and whoever changes back, must notice nothing but what the table of differences says.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Difference, differences } from '../differential/differences.ts';
import { type Facts, play } from '../differential/play.ts';
import { script } from '../differential/script.ts';
import {
  ApiClient,
  aDescriptor,
  anImage,
  digestOf,
  dockerManifest,
  emptyConfig,
  locationOf,
  ociIndex,
  ociLayer,
  ociManifest,
} from '../support/api-client.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import {
  type FrontEndName,
  frontEnds,
  type RunningRegistry,
  startRegistry,
} from '../support/registry.ts';
import { describeWith } from '../support/tools.ts';

type Replies = Map<string, Facts>;

async function playOn(
  starting: Promise<{ readonly port: number; stop(): Promise<unknown> }>,
): Promise<Replies> {
  const registry = await starting;
  try {
    return await play(registry.port, script);
  } finally {
    await registry.stop();
  }
}

describeWith(['docker-registry'], 'the script, theirs and ours', () => {
  let theirs: Replies = new Map();
  const ours = new Map<FrontEndName, Replies>();
  const used = new Set<Difference>();

  beforeAll(async () => {
    theirs = await playOn(startDockerRegistry());
    for (const frontEnd of frontEnds) {
      ours.set(frontEnd, await playOn(startRegistry({ frontEnd })));
    }
  });

  test('each step has a label of its own', () => {
    const own = script.filter(({ keep }) => keep !== 'own');
    expect(new Set(own.map(({ label }) => label)).size).toBe(own.length);
  });

  test.each(frontEnds)('differs only where we mean to (%s)', (frontEnd) => {
    const unexpected: string[] = [];
    for (const [label, their] of theirs) {
      const our: Facts = ours.get(frontEnd)?.get(label) ?? new Map();
      for (const field of new Set([...their.keys(), ...our.keys()])) {
        const allowed = differences.find((entry) => allows(entry, label, field, their, our));
        if (their.get(field) === our.get(field)) {
          continue;
        }
        if (allowed === undefined) {
          unexpected.push(`${label}: ${field}: ${their.get(field)} | ${our.get(field)}`);
        } else {
          used.add(allowed);
        }
      }
    }
    expect(unexpected).toEqual([]);
  });

  test('has no entry in the table that allows nothing', () => {
    const idle = differences.filter((entry) => !used.has(entry));
    expect(idle.map(({ steps, reason }) => `${steps}: ${reason}`)).toEqual([]);
  });

  test('is answered alike by both front ends', () => {
    expect(ours.get('node')).toEqual(ours.get('uws'));
  });

  test('never yields a 5xx from us', () => {
    for (const [label, facts] of ours.get('uws') ?? []) {
      expect(`${label}: ${facts.get('status')}`).not.toMatch(/: (5|connection)/);
    }
  });
});

function allows(
  entry: Difference,
  label: string,
  field: string,
  their: Facts,
  our: Facts,
): boolean {
  if (!entry.steps.test(label)) {
    return false;
  }
  if (entry.status !== undefined) {
    const [theirStatus, ourStatus] = entry.status;
    return their.get('status') === theirStatus && our.get('status') === ourStatus;
  }
  return (
    entry.fields?.includes(field) === true &&
    (entry.theirs?.test(their.get(field) ?? '') ?? true) &&
    (entry.ours?.test(our.get(field) ?? '') ?? true)
  );
}

describeWith(['docker-registry'], 'one data directory under both', () => {
  let us: RunningRegistry | undefined;
  let them: Awaited<ReturnType<typeof startDockerRegistry>> | undefined;
  let sides: { ours: ApiClient; theirs: ApiClient } | undefined;

  beforeAll(async () => {
    us = await startRegistry();
    them = await startDockerRegistry(us.root);
    sides = { ours: new ApiClient(us.port), theirs: new ApiClient(them.port) };
  });
  afterAll(async () => {
    sides?.ours.close();
    sides?.theirs.close();
    await them?.stop();
    await us?.stop();
  });

  type Side = 'ours' | 'theirs';
  function side(name: Side): ApiClient {
    if (sides === undefined) {
      throw new Error('used before the registries were started');
    }
    return sides[name];
  }

  /** An upload as docker-registry knows it: chunks in PATCH, then an empty PUT. */
  async function pushBlob(api: ApiClient, name: string, content: string): Promise<void> {
    const patched = await api.patch(await api.startUpload(name), content);
    expect(patched.status).toBe(202);
    expect((await api.finishUpload(locationOf(patched), digestOf(content))).status).toBe(201);
  }

  const directions: [Side, Side][] = [
    ['ours', 'theirs'],
    ['theirs', 'ours'],
  ];

  test.each(directions)(
    'an image pushed to %s is pulled, listed and deleted by %s',
    async (from, to) => {
      const name = `shared/${from}`;
      const layer = `a layer pushed to ${from}`;
      for (const blob of [emptyConfig, layer]) {
        await pushBlob(side(from), name, blob);
      }
      const manifest = {
        ...anImage({ layers: [aDescriptor(layer, ociLayer)] }),
        mediaType: dockerManifest,
      };
      const put = await side(from).putManifest(name, 'v1', manifest, dockerManifest);
      expect(put.status).toBe(201);
      const accept = { accept: dockerManifest };
      for (const reader of [side(to), side(from)]) {
        expect((await reader.get(`/v2/${name}/manifests/v1`, accept)).text).toBe(
          JSON.stringify(manifest),
        );
        expect((await reader.get(`/v2/${name}/blobs/${digestOf(layer)}`)).text).toBe(layer);
        expect((await reader.get(`/v2/${name}/tags/list`)).json()).toEqual({ name, tags: ['v1'] });
        expect((await reader.get('/v2/_catalog')).text).toContain(name);
      }
      const digest = String(put.headers['docker-content-digest']);
      expect((await side(to).delete(`/v2/${name}/manifests/${digest}`)).status).toBe(202);
      for (const reader of [side(to), side(from)]) {
        expect((await reader.get(`/v2/${name}/manifests/v1`, accept)).status).toBe(404);
      }
      expect((await side(to).delete(`/v2/${name}/blobs/${digestOf(layer)}`)).status).toBe(202);
      expect((await side(from).get(`/v2/${name}/blobs/${digestOf(layer)}`)).status).toBe(404);
    },
  );

  test.each(directions)('an upload begun by %s is finished by %s', async (from, to) => {
    const content = `first half from ${from}, second half to ${to}`;
    const half = content.indexOf(',');
    const range = (start: number, end: number): Record<string, string> => ({
      'content-range': `${start}-${end - 1}`,
    });
    const first = await side(from).patch(
      await side(from).startUpload('shared/uploads'),
      content.slice(0, half),
      range(0, half),
    );
    expect(first.status).toBe(202);
    const status = await side(to).get(locationOf(first));
    expect(status.headers.range).toBe(`0-${half - 1}`);
    const second = await side(to).patch(
      locationOf(first),
      content.slice(half),
      range(half, content.length),
    );
    expect(second.status).toBe(202);
    const done = await side(from).finishUpload(locationOf(second), digestOf(content));
    expect(done.status).toBe(201);
    for (const reader of [side(from), side(to)]) {
      const reply = await reader.get(`/v2/shared/uploads/blobs/${digestOf(content)}`);
      expect(reply.text).toBe(content);
    }
  });

  test.each(directions)('an upload streamed to %s is committed by %s', async (from, to) => {
    const content = `streamed to ${from} alone`;
    const patched = await side(from).patch(await side(from).startUpload('shared/uploads'), content);
    const done = await side(to).finishUpload(locationOf(patched), digestOf(content));
    expect(done.status).toBe(201);
    // The session is tidied away behind the answer; asked in that very moment, theirs answers 500.
    const id = locationOf(patched).split('?')[0]?.split('/').at(-1) ?? '';
    const uploads = 'docker/registry/v2/repositories/shared/uploads/_uploads';
    await vi.waitUntil(() => !existsSync(join(us?.root ?? '', uploads, id)), 10_000);
    expect((await side(from).get(locationOf(patched))).status).toBe(404);
  });

  test.each(directions)('an upload begun by %s is cancelled by %s', async (from, to) => {
    const location = await side(from).startUpload('shared/uploads');
    expect((await side(to).delete(location)).status).toBe(204);
    expect((await side(from).get(location)).status).toBe(404);
  });

  test('a blob pushed to us by sha512 is pulled by them by sha256', async () => {
    const content = 'long and short';
    const location = await side('ours').startUpload('shared/long');
    const long = digestOf(content, 'sha512');
    expect((await side('ours').finishUpload(location, long, content)).status).toBe(201);
    const reply = await side('theirs').get(`/v2/shared/long/blobs/${digestOf(content)}`);
    expect(reply.text).toBe(content);
    expect((await side('theirs').get(`/v2/shared/long/blobs/${long}`)).text).toBe(content);
  });

  test('whatever manifest they take and give out, we give out', async () => {
    const name = 'shared/lenient';
    const layer = 'a layer of odd manifests';
    for (const blob of [emptyConfig, layer]) {
      await pushBlob(side('theirs'), name, blob);
    }
    const layers = [aDescriptor(layer, ociLayer)];
    const whole = JSON.stringify(anImage({ layers, unknown: '?' }));
    const notUtf8 = Buffer.from(whole);
    notUtf8[notUtf8.indexOf('?')] = 0xff;
    const deep = `${'['.repeat(100)}${']'.repeat(100)}`;
    const odd: [string, Buffer | string | object, string?][] = [
      ['null-annotation', anImage({ layers, annotations: { a: null } })],
      ['empty-subject', anImage({ layers, subject: {} })],
      ['no-subject', anImage({ layers, subject: 'x' })],
      ['artifact-type', anImage({ layers, artifactType: 4 })],
      ['size', anImage({ layers: [aDescriptor(layer, ociLayer, { size: -1 })] })],
      ['huge', whole.replace(/"size":\d+/, '"size":9223372036854775807')],
      ['utf-8', notUtf8],
      ['deep', whole.replace('"?"', deep)],
      ['case', whole.replace('"layers"', '"Layers"')],
      ['no-type', anImage({ layers, mediaType: undefined })],
      ['bare', '{"schemaVersion":2}', ociIndex],
      ['bare-null', '{"schemaVersion":2,"manifests":null}', ociIndex],
    ];
    const accept = { accept: `${ociManifest}, ${ociIndex}` };
    for (const [tag, manifest, type = ociManifest] of odd) {
      const put = await side('theirs').putManifest(name, tag, manifest, type);
      expect(put.status, `${tag}: ${put.text}`).toBe(201);
      for (const reference of [tag, String(put.headers['docker-content-digest'])]) {
        const their = await side('theirs').get(`/v2/${name}/manifests/${reference}`, accept);
        const our = await side('ours').get(`/v2/${name}/manifests/${reference}`, accept);
        expect([tag, their.status], their.text).toEqual([tag, 200]);
        expect([tag, our.status]).toEqual([tag, 200]);
        expect(our.body.equals(their.body), tag).toBe(true);
        if (tag !== 'bare-null') {
          expect(our.headers['content-type'], tag).toBe(their.headers['content-type']);
        }
      }
    }
  });

  test('referrers of manifests pushed to them are found by us', async () => {
    const name = 'shared/referrers';
    await pushBlob(side('theirs'), name, emptyConfig);
    const subject = { mediaType: dockerManifest, digest: digestOf('a subject'), size: 9 };
    const text = JSON.stringify(anImage({ subject }));
    expect((await side('theirs').putManifest(name, 'sbom', text)).status).toBe(201);
    const reply = await side('ours').get(`/v2/${name}/referrers/${subject.digest}`);
    const { manifests } = reply.json() as { manifests: { digest: string }[] };
    expect(manifests.map(({ digest }) => digest)).toEqual([digestOf(text)]);
  });
});
