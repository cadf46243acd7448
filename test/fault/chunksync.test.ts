/**
 * `chunksync: commit`: chunks are acknowledged unsynced, so a power cut may take an unfinished upload. A blob it never
 * takes, and what it leaves of an upload never becomes a wrong one. Power cuts are worked out from the log of file calls
 * (test/support/power-cut.ts), or done to the files of a killed registry.
 */

import { appendFileSync, readFileSync } from 'node:fs';
import { open, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Digest } from '../../src/oci/digest.ts';
import type { RepositoryName } from '../../src/oci/reference.ts';
import { blobDataPath, layerLinkPath, uploadDataPath } from '../../src/storage/layout.ts';
import { ApiClient, type ApiReply, digestOf, locationOf } from '../support/api-client.ts';
import { noise } from '../support/bytes.ts';
import { buildIoFault, type IoFault, ioFaultMissing } from '../support/io-fault.ts';
import { PowerCut } from '../support/power-cut.ts';
import { type RunningRegistry, startRegistry } from '../support/registry.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';

const missing = await ioFaultMissing();
const name = 'chunks/app' as RepositoryName;

/** Kept open by the main thread; by the workers; by a worker in one go, without a range. */
const kinds = {
  'small chunks': { chunkBytes: 20_000, chunks: 3, hasRange: true },
  'large chunks': { chunkBytes: 2_000_000, chunks: 3, hasRange: true },
  'one stream': { chunkBytes: 3_000_000, chunks: 1, hasRange: false },
} as const;
type Kind = keyof typeof kinds;
const kindNames = Object.keys(kinds) as Kind[];

let seed = 0;

describe.skipIf(missing !== undefined)(`unsynced chunks ${missing ?? ''}`, () => {
  let tools: TempFolder;
  let fault: IoFault;
  let data: TempFolder;
  let log: string;
  let running: { registry: RunningRegistry; api: ApiClient }[];
  let acknowledgements: number;

  beforeAll(async () => {
    tools = await tempFolder();
    fault = await buildIoFault(tools.path);
  });
  afterAll(() => tools?.remove());

  beforeEach(async () => {
    data = await tempFolder();
    seed += 1;
    log = join(tools.path, `calls-${seed}.log`);
    appendFileSync(log, '');
    running = [];
    acknowledgements = 0;
  });
  afterEach(async () => {
    fault.clear();
    for (const one of running) {
      one.api.close();
      await one.registry.stop();
    }
    await data.remove();
  });

  async function start(): Promise<ApiClient> {
    const registry = await startRegistry({
      config: { storage: { filesystem: { rootdirectory: data.path, chunksync: 'commit' } } },
      env: { ...fault.env, IO_FAULT_LOG: log },
    });
    const api = new ApiClient(registry.port);
    running.push({ registry, api });
    return api;
  }

  async function kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    for (const { api, registry } of running.splice(0)) {
      api.close();
      await registry.stop(signal);
    }
  }

  /** All of the log before it was done when the client heard of it. */
  function acknowledge(): number {
    acknowledgements += 1;
    appendFileSync(log, `ack ${acknowledgements}\n`);
    return acknowledgements;
  }

  function replay(look: (cut: PowerCut, line: string, acknowledged: number | undefined) => void) {
    const cut = new PowerCut(data.path);
    for (const line of readFileSync(log, 'utf8').trimEnd().split('\n')) {
      look(cut, line, cut.take(line));
    }
  }

  function freshBytes(kind: Kind): Buffer {
    seed += 1;
    return noise(kinds[kind].chunkBytes * kinds[kind].chunks, seed);
  }

  /** Sends `bytes` in chunks, to each of `apis` in turn; gives the location to go on at. */
  async function sendChunks(kind: Kind, bytes: Buffer, ...apis: ApiClient[]): Promise<string> {
    const { chunkBytes, hasRange } = kinds[kind];
    let location = await (apis[0] as ApiClient).startUpload(name);
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      const api = apis[(at / chunkBytes) % apis.length] as ApiClient;
      const reply = await api.patch(location, bytes.subarray(at, at + chunkBytes), {
        'content-type': 'application/octet-stream',
        ...(hasRange ? { 'content-range': `${at}-${at + chunkBytes - 1}` } : {}),
      });
      expect(reply.status).toBe(202);
      acknowledge();
      location = locationOf(reply);
    }
    return location;
  }

  const dataOf = (location: string): string =>
    uploadDataPath(name, /uploads\/([^?/]+)/.exec(location)?.[1] ?? '');
  const getBlob = (api: ApiClient, bytes: Buffer): Promise<ApiReply> =>
    api.get(`/v2/${name}/blobs/${digestOf(bytes)}`);

  /** What a power cut does to bytes that were not synced, on file systems that grow a file before they write it. */
  async function loseBytes(path: string, from: number): Promise<void> {
    const file = await open(join(data.path, path), 'r+');
    const { size } = await file.stat();
    await file.write(Buffer.alloc(size - from), 0, size - from, from);
    await file.close();
  }

  const ways = ['one instance', 'two instances', 'a restart in between'] as const;

  it.each(kindNames.flatMap((kind) => ways.map((way) => [kind, way] as const)))(
    'acknowledges no blob of %s that a power cut could take: %s',
    async (kind, way) => {
      const bytes = freshBytes(kind);
      const first = await start();
      // Folders that another process has made are its to sync, or the journal's (directories.ts).
      await first.pushBlob(name, noise(100, seed));
      const apis = way === 'two instances' ? [first, await start()] : [first];
      const location = await sendChunks(kind, bytes, ...apis);
      if (way === 'a restart in between') {
        await kill();
        apis[0] = await start();
      }
      const unfinished = acknowledgements;
      const ending = apis.at(-1) as ApiClient;
      expect((await ending.finishUpload(location, digestOf(bytes))).status).toBe(201);
      const finished = acknowledge();

      let looks = 0;
      const digest = digestOf(bytes) as Digest;
      replay((cut, _, acknowledged) => {
        if (acknowledged === unfinished) {
          // Else nothing is tested here.
          expect(cut.isUnsynced(dataOf(location))).toBe(true);
          looks += 1;
        } else if (acknowledged === finished) {
          expect(cut.loss(blobDataPath(digest))).toBeUndefined();
          expect(cut.loss(layerLinkPath(name, digest))).toBeUndefined();
          looks += 1;
        }
      });
      expect(looks).toBe(2);
      expect((await getBlob(ending, bytes)).body.equals(bytes)).toBe(true);
    },
  );

  it.each(kindNames)('makes no blob of what a power cut left of %s', async (kind) => {
    const bytes = freshBytes(kind);
    const location = await sendChunks(kind, bytes, await start());
    await kill();
    await loseBytes(dataOf(location), 0);
    const api = await start();
    const reply = await api.finishUpload(location, digestOf(bytes));
    expect([reply.status, reply.codes()]).toEqual([400, ['DIGEST_INVALID']]);
    expect((await getBlob(api, bytes)).status).toBe(404);
    const again = await sendChunks(kind, bytes, api);
    expect((await api.finishUpload(again, digestOf(bytes))).status).toBe(201);
    expect((await getBlob(api, bytes)).body.equals(bytes)).toBe(true);
  });

  it.each([
    ['rests', 'small chunks'],
    ['rests', 'large chunks'],
    ['sees its registry stop', 'small chunks'],
  ] as const)(
    'saves a state only of bytes that are synced, when an upload %s after %s',
    async (when, kind) => {
      const bytes = freshBytes(kind);
      const location = await sendChunks(kind, bytes, await start());
      const state = `/hashstates/sha256/${bytes.length}`;
      if (when === 'rests') {
        await vi.waitFor(
          async () => expect((await data.files()).some((file) => file.endsWith(state))).toBe(true),
          { timeout: 20_000, interval: 100 },
        );
      } else {
        await kill('SIGTERM');
      }
      let states = 0;
      replay((cut, line) => {
        if (/^(?:create|rename) .*\/(?:hashstates\/sha256\/\d+|longshore)$/.test(line)) {
          expect(cut.isUnsynced(dataOf(location))).toBe(false);
          states += 1;
        }
      });
      expect(states).toBe(1);

      // What comes after the state is lost: in full, and in its bytes alone.
      await kill();
      const more = noise(1000, seed);
      const api = await start();
      const next = await api.patch(location, more, {
        'content-range': `${bytes.length}-${bytes.length + more.length - 1}`,
        'content-type': 'application/octet-stream',
      });
      expect(next.status).toBe(202);
      await kill();
      const whole = Buffer.concat([bytes, more]);
      await loseBytes(dataOf(location), bytes.length);
      const later = await start();
      const wrong = await later.finishUpload(locationOf(next), digestOf(whole));
      expect(wrong.codes()).toEqual(['DIGEST_INVALID']);
      await kill();
      await truncate(join(data.path, dataOf(location)), bytes.length);
      const last = await start();
      expect((await last.finishUpload(location, digestOf(bytes))).status).toBe(201);
      expect((await getBlob(last, bytes)).body.equals(bytes)).toBe(true);
    },
  );

  it.each(
    kindNames.flatMap((kind) => [[kind, 'EIO', 500] as const, [kind, 'ENOSPC', 507] as const]),
  )(
    'makes no blob of %s when the sync at the end fails with %s, and none at the next try either',
    async (kind, what, status) => {
      const bytes = freshBytes(kind);
      const api = await start();
      const location = await sendChunks(kind, bytes, api);
      fault.set({ call: 'fdatasync', path: '/_uploads/', what });
      expect((await api.finishUpload(location, digestOf(bytes))).status).toBe(status);
      fault.clear();
      expect((await getBlob(api, bytes)).status).toBe(404);
      // The kernel tells of lost pages once: a second sync would succeed.
      const again = await api.finishUpload(location, digestOf(bytes));
      expect([again.status, again.codes()]).toEqual([404, ['BLOB_UPLOAD_UNKNOWN']]);
      expect((await data.files()).filter((file) => file.includes('/_uploads/'))).toEqual([]);
      await api.pushBlob(name, bytes);
      expect((await getBlob(api, bytes)).body.equals(bytes)).toBe(true);
    },
  );

  it('drops an upload whose large body fails to be written back while it arrives', async () => {
    const bytes = noise(20_000_000, 1);
    const api = await start();
    const location = await api.startUpload(name);
    const small = await api.patch(location, bytes.subarray(0, 1000), {
      'content-type': 'application/octet-stream',
    });
    fault.set({ call: 'fdatasync', path: '/_uploads/', what: 'EIO', count: 1 });
    const failed = await api.patch(locationOf(small), bytes.subarray(1000), {
      'content-type': 'application/octet-stream',
    });
    expect(failed.status).toBe(500);
    fault.clear();
    expect((await api.get(locationOf(small))).status).toBe(404);
    await api.pushBlob(name, bytes);
    expect((await getBlob(api, bytes)).body.equals(bytes)).toBe(true);
  });
});
