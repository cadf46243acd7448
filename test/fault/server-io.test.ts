/**
 * The whole registry when the disk fails it: at each step of a push a full disk is a 507, a failing one a 5xx; nothing
 * is served that is not whole, the session goes on where it stood, and the next push succeeds.
 */

import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  ApiClient,
  aDescriptor,
  anImage,
  digestOf,
  emptyConfig,
  locationOf,
  ociConfig,
} from '../support/api-client.ts';
import { noise } from '../support/bytes.ts';
import { buildIoFault, type Fault, type IoFault, ioFaultMissing } from '../support/io-fault.ts';
import { frontEnds, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';

const missing = await ioFaultMissing();

/** Stored by the storage thread in one go, and by a worker piece by piece. */
const sizes = { small: 20_000, large: 2_000_000 } as const;
const halfBytes = sizes.large / 2;
type Size = keyof typeof sizes;

let seed = 100;

describe.skipIf(missing !== undefined).each(frontEnds)(
  `a failing disk ${missing ?? ''} (%s)`,
  (frontEnd) => {
    let tools: TempFolder;
    let fault: IoFault;
    let registry: RunningRegistry;
    let api: ApiClient;

    beforeAll(async () => {
      tools = await tempFolder();
      fault = await buildIoFault(tools.path);
      registry = await startRegistry({ frontEnd, env: { ...fault.env } });
      api = new ApiClient(registry.port);
      await api.pushImage('faults/app', 'v1');
    });
    afterEach(() => fault.clear());
    afterAll(async () => {
      fault?.clear();
      api?.close();
      await registry?.stop();
      await tools?.remove();
    });

    const freshBytes = (size: Size): Buffer => {
      seed += 1;
      return noise(sizes[size], seed);
    };

    /** Eight small chunks. */
    const freshChunks = (): Buffer => {
      seed += 1;
      return noise(8 * sizes.small, seed);
    };

    const freshLabel = (): string => {
      seed += 1;
      return String(seed);
    };

    /** After a failure: nothing torn is served or stored, and the same push now succeeds. */
    async function expectHealed(bytes: Buffer): Promise<void> {
      fault.clear();
      const digest = digestOf(bytes);
      const before = await api.get(`/v2/faults/app/blobs/${digest}`);
      if (before.status === 200) {
        expect(before.body.equals(bytes)).toBe(true);
      } else {
        expect(before.status).toBe(404);
      }
      await api.pushBlob('faults/app', bytes);
      expect((await api.get(`/v2/faults/app/blobs/${digest}`)).body.equals(bytes)).toBe(true);
      await expectNothingTorn(registry.root);
    }

    /** Sessions that hold the first half of a large blob each. */
    function sendHalves(count: number): Promise<{ bytes: Buffer; location: string }[]> {
      return Promise.all(
        Array.from({ length: count }, async () => {
          const bytes = freshBytes('large');
          const begun = await api.startUpload('faults/app');
          const reply = await api.send('PATCH', begun, { body: [bytes.subarray(0, halfBytes)] });
          expect(reply.status).toBe(202);
          return { bytes, location: locationOf(reply) };
        }),
      );
    }

    function sendRest(upload: {
      bytes: Buffer;
      location: string;
      offset?: number;
    }): ReturnType<ApiClient['send']> {
      const { bytes, location, offset = halfBytes } = upload;
      return api.send('PATCH', location, { body: [bytes.subarray(offset)] });
    }

    async function expectCommitted(bytes: Buffer, location: string): Promise<void> {
      const digest = digestOf(bytes);
      expect((await api.finishUpload(location, digest)).status).toBe(201);
      const got = await api.get(`/v2/faults/app/blobs/${digest}`);
      expect(got.body.equals(bytes)).toBe(true);
    }

    const steps: readonly (readonly [Fault['call'], string, Size])[] = [
      ['open', '/_uploads/', 'small'],
      ['open', '/_uploads/', 'large'],
      ['mkdir', '/_uploads/', 'small'],
      ['write', '/data', 'small'],
      ['write', '/data', 'large'],
      ['fdatasync', '/data', 'large'],
      ['mkdir', '/blobs/sha256', 'small'],
      ['rename', '/blobs/sha256', 'small'],
      ['rename', '/blobs/sha256', 'large'],
      ['write', '/link', 'small'],
      ['write', '/link', 'large'],
      ['rename', '/link', 'small'],
      ['rename', '/link', 'large'],
      ['fsync', '/_layers', 'small'],
      ['fsync', '/blobs/sha256', 'large'],
    ];

    describe.each([
      ['ENOSPC', 507, 'UNAVAILABLE'],
      ['EIO', 500, 'UNKNOWN'],
    ] as const)('%s', (what, status, code) => {
      it.each(steps)(
        'at %s of %s, a %s blob: a clear answer, and the next push succeeds',
        async (call, path, size) => {
          const bytes = freshBytes(size);
          fault.set({ call, path, what });
          const digest = digestOf(bytes);
          const reply = await api.send('POST', `/v2/faults/app/blobs/uploads/?digest=${digest}`, {
            body: bytes,
          });
          // Not every way of storing takes every step.
          if (reply.status !== 201) {
            expect(reply.status).toBe(status);
            expect(reply.codes()).toEqual([code]);
            if (status === 507) {
              expect(reply.headers['retry-after']).toBeDefined();
            }
          }
          await expectHealed(bytes);
        },
      );

      it.each(['small', 'large'] as const)(
        'while a %s chunk is stored: the session goes on from where it stands',
        async (size) => {
          const first = freshBytes(size);
          const second = freshBytes(size);
          const all = Buffer.concat([first, second]);
          const held = await api.send('PATCH', await api.startUpload('faults/app'), {
            body: [first],
          });
          expect(held.status).toBe(202);
          const location = locationOf(held);
          fault.set({ call: 'write', path: '/data', what });
          const failed = await api.send('PATCH', location, { body: [second] });
          expect(failed.status).toBe(status);
          fault.clear();
          const now = await api.get(location);
          expect(now.status).toBe(204);
          const offset = Number(String(now.headers.range).split('-')[1]) + 1;
          expect(offset).toBeGreaterThanOrEqual(first.length);
          expect(offset).toBeLessThan(all.length);
          const rest = await api.send('PATCH', locationOf(now), { body: [all.subarray(offset)] });
          expect(rest.status).toBe(202);
          const done = await api.finishUpload(locationOf(rest), digestOf(all));
          expect(done.status).toBe(201);
          const got = await api.get(`/v2/faults/app/blobs/${digestOf(all)}`);
          expect(got.body.equals(all)).toBe(true);
        },
      );

      it.each(['write', 'fdatasync'] as const)(
        'at %s of a small chunk after others: it is told where the session stands, and that may go on',
        async (call) => {
          const content = freshChunks();
          let location = await api.startUpload('faults/app');
          const send = (n: number): ReturnType<ApiClient['send']> =>
            sendChunk(api, location, content, n);
          for (let n = 0; n < 6; n += 1) {
            location = locationOf(await send(n));
          }
          expect(await openFiles(registry)).toBe(1);
          fault.set({ call, path: '/data', what });
          expect((await send(6)).status).toBe(status);
          fault.clear();
          const now = await api.get(location);
          expect(now.headers.range).toBe(`0-${6 * sizes.small - 1}`);
          location = locationOf(await send(6));
          location = locationOf(await send(7));
          expect((await api.finishUpload(location, digestOf(content))).status).toBe(201);
          const got = await api.get(`/v2/faults/app/blobs/${digestOf(content)}`);
          expect(got.body.equals(content)).toBe(true);
          expect(await openFiles(registry)).toBe(0);
        },
      );

      it.each([
        ['rename', '/blobs/sha256'],
        ['rename', '/link'],
        ['fsync', '/_layers'],
      ] as const)(
        'while the closing PUT is at %s of %s: the client may send it again',
        async (call, path) => {
          const bytes = freshBytes('large');
          const held = await api.send('PATCH', await api.startUpload('faults/app'), {
            body: [bytes],
          });
          fault.set({ call, path, what });
          const failed = await api.finishUpload(locationOf(held), digestOf(bytes));
          fault.clear();
          if (failed.status !== 201) {
            expect(failed.status).toBe(status);
            const again = await api.finishUpload(locationOf(held), digestOf(bytes));
            // Done as far as the data's move, the session is empty: then the client starts anew.
            if (again.status !== 201) {
              expect(again.status).toBeGreaterThanOrEqual(400);
              expect(again.status).toBeLessThan(500);
            }
          }
          await expectHealed(bytes);
        },
      );

      it.each([
        ['write', '/data'],
        ['rename', '/revisions'],
        ['rename', '/current/link'],
        ['write', '/tags/moved'],
      ] as const)(
        'at %s of %s while a tag moves: it points at the old or the new manifest',
        async (call, path) => {
          const old = await api.pushImage('faults/app', 'moved', {
            annotations: { n: freshLabel() },
          });
          const text = JSON.stringify(
            anImage({
              config: aDescriptor(emptyConfig, ociConfig),
              annotations: { n: freshLabel() },
            }),
          );
          fault.set({ call, path, what });
          const reply = await api.putManifest('faults/app', 'moved', text);
          expect(reply.status).toBe(status);
          fault.clear();
          const tag = await api.get('/v2/faults/app/manifests/moved');
          expect([old.text, text]).toContain(tag.text);
          expect((await api.putManifest('faults/app', 'moved', text)).status).toBe(201);
          expect((await api.get('/v2/faults/app/manifests/moved')).text).toBe(text);
          await expectNothingTorn(registry.root);
        },
      );

      it('at a delete: what stays is whole, and a second try succeeds', async () => {
        const { digest, text } = await api.pushImage('faults/gone', 'v1');
        fault.set({ call: 'unlink', path: '/revisions', what });
        expect((await api.delete(`/v2/faults/gone/manifests/${digest}`)).status).toBe(status);
        fault.clear();
        expect((await api.get(`/v2/faults/gone/manifests/${digest}`)).text).toBe(text);
        expect((await api.delete(`/v2/faults/gone/manifests/${digest}`)).status).toBe(202);
      });
    });

    it('EIO in the middle of a download breaks the download, not the registry', async () => {
      const bytes = freshBytes('large');
      const digest = await api.pushBlob('faults/app', bytes);
      fault.set({ call: 'read', path: '/blobs/', skip: 2, what: 'EIO' });
      await expect(api.get(`/v2/faults/app/blobs/${digest}`)).rejects.toThrow();
      fault.clear();
      expect((await api.get(`/v2/faults/app/blobs/${digest}`)).body.equals(bytes)).toBe(true);
    });

    it('goes on where a write of a small chunk takes only half of it', async () => {
      const content = freshChunks();
      let location = await api.startUpload('faults/app');
      fault.set({ call: 'write', path: '/data', what: 'SHORT' });
      for (let n = 0; n < 8; n += 1) {
        location = locationOf(await sendChunk(api, location, content, n));
      }
      fault.clear();
      expect((await api.finishUpload(location, digestOf(content))).status).toBe(201);
      const got = await api.get(`/v2/faults/app/blobs/${digestOf(content)}`);
      expect(got.body.equals(content)).toBe(true);
    });

    it('goes on where writes of several large chunks at once take only half of each piece', async () => {
      const uploads = await sendHalves(6);
      fault.set({ call: 'write', path: '/data', what: 'SHORT' });
      const replies = await Promise.all(uploads.map(sendRest));
      fault.clear();
      for (const [n, reply] of replies.entries()) {
        await expectCommitted(uploads[n]?.bytes ?? Buffer.alloc(0), locationOf(reply));
      }
    });

    it('no more file handles: 503 with Retry-After, and all is well afterwards', async () => {
      const bytes = freshBytes('small');
      fault.set({ call: 'open', path: '/data', what: 'EMFILE' });
      const reply = await api.send(
        'POST',
        `/v2/faults/app/blobs/uploads/?digest=${digestOf(bytes)}`,
        {
          body: bytes,
        },
      );
      expect(reply.status).toBe(503);
      expect(reply.headers['retry-after']).toBeDefined();
      await expectHealed(bytes);
    });

    it('leaves no descriptor open and no temp file behind', async () => {
      const bytes = freshBytes('large');
      await api.pushBlob('faults/app', bytes);
      const before = await openFiles(registry);
      for (const call of ['write', 'fdatasync', 'rename'] as const) {
        for (const size of ['small', 'large'] as const) {
          const failing = freshBytes(size);
          fault.set({ call, path: '/docker/', what: 'ENOSPC' });
          const target = `/v2/faults/app/blobs/uploads/?digest=${digestOf(failing)}`;
          expect((await api.send('POST', target, { body: failing })).status).toBe(507);
          fault.clear();
        }
      }
      expect(await openFiles(registry)).toBe(before);
      const left = (await readdir(registry.root, { recursive: true })).filter((name) =>
        name.endsWith('.tmp'),
      );
      expect(left).toEqual([]);
    });

    it.each([
      ['ENOSPC', 507],
      ['EIO', 500],
    ] as const)(
      '%s while several large chunks are stored at once: each session goes on from where it stands',
      async (what, status) => {
        const uploads = await sendHalves(6);
        fault.set({ call: 'write', path: '/data', skip: 8, what });
        const replies = await Promise.all(uploads.map(sendRest));
        fault.clear();
        expect(replies.some((reply) => reply.status === status)).toBe(true);
        for (const { bytes, location } of uploads) {
          const now = await api.get(location);
          const offset = Number(String(now.headers.range).split('-')[1]) + 1;
          expect(offset).toBeGreaterThanOrEqual(halfBytes);
          const rest = await sendRest({ bytes, location: locationOf(now), offset });
          expect(rest.status).toBe(202);
          await expectCommitted(bytes, locationOf(rest));
        }
      },
    );
  },
);

/** Chunk `n` of so many bytes as a small body has, with its range. */
function sendChunk(
  api: ApiClient,
  location: string,
  content: Buffer,
  n: number,
): ReturnType<ApiClient['send']> {
  const start = n * sizes.small;
  const end = start + sizes.small;
  return api.patch(location, content.subarray(start, end), {
    'content-range': `${start}-${end - 1}`,
    'content-type': 'application/octet-stream',
  });
}

/** Descriptors that point into the registry's storage. */
async function openFiles(registry: RunningRegistry): Promise<number> {
  const folder = `/proc/${registry.pid}/fd`;
  const targets = await Promise.all(
    (await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => '')),
  );
  return targets.filter((target) => target.startsWith(registry.root)).length;
}

async function expectNothingTorn(root: string): Promise<void> {
  const entries = await readdir(join(root, 'docker/registry/v2'), {
    recursive: true,
    withFileTypes: true,
  });
  for (const entry of entries.filter((one) => one.isFile())) {
    const file = join(entry.parentPath, entry.name);
    if (entry.name === 'link') {
      expect(await readFile(file, 'latin1')).toMatch(/^sha256:[0-9a-f]{64}$/);
    } else if (entry.name === 'data' && file.includes('/blobs/')) {
      expect(digestOf(await readFile(file))).toBe(`sha256:${file.split('/').at(-2)}`);
    }
  }
}
