/**
 * `dirsync: none`: a power cut may take the names of what was pushed a moment ago, as with Distribution, and so all of
 * it; but whatever name is left stands for whole bytes. Power cuts are worked out from the log of file calls
 * (test/support/power-cut.ts).
 */

import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Digest } from '../../src/oci/digest.ts';
import type { RepositoryName, Tag } from '../../src/oci/reference.ts';
import {
  blobDataPath,
  layerLinkPath,
  revisionLinkPath,
  tagLinkPath,
} from '../../src/storage/layout.ts';
import { ApiClient, digestOf, locationOf } from '../support/api-client.ts';
import { noise } from '../support/bytes.ts';
import { buildIoFault, type IoFault, ioFaultMissing } from '../support/io-fault.ts';
import { PowerCut } from '../support/power-cut.ts';
import { runLongshore, startRegistry } from '../support/registry.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';

const missing = await ioFaultMissing();
const name = 'names/app' as RepositoryName;
const tag = 'latest' as Tag;
/** Stored by the storage thread in one piece, and by a worker. */
const layerBytes = [20_000, 3_000_000];

describe.skipIf(missing !== undefined)(`unsynced directories ${missing ?? ''}`, () => {
  let tools: TempFolder;
  let data: TempFolder;
  let fault: IoFault;

  beforeAll(async () => {
    tools = await tempFolder();
    data = await tempFolder();
    fault = await buildIoFault(tools.path);
  });
  afterAll(async () => {
    await tools?.remove();
    await data?.remove();
  });

  /** Pushes an image and deletes it; gives the log of file calls and the paths that the push promised. */
  async function pushAndDelete(dirsync: 'commit' | 'none'): Promise<[string[], string[]]> {
    const root = join(data.path, dirsync);
    const log = join(tools.path, `${dirsync}.log`);
    appendFileSync(log, '');
    const registry = await startRegistry({
      config: {
        storage: { filesystem: { rootdirectory: root, dirsync }, delete: { enabled: true } },
      },
      env: { ...fault.env, IO_FAULT_LOG: log },
    });
    const api = new ApiClient(registry.port);
    try {
      const layers = layerBytes.map((length, index) => noise(length, index + 1));
      for (const bytes of layers) {
        const location = await api.startUpload(name);
        const sent = await api.patch(location, bytes, {
          'content-type': 'application/octet-stream',
        });
        const ended = await api.finishUpload(locationOf(sent), digestOf(bytes));
        expect(ended.status).toBe(201);
      }
      const [config, ...rest] = layers.map((bytes) => ({
        mediaType: 'application/vnd.oci.image.layer.v1.tar',
        digest: digestOf(bytes),
        size: bytes.length,
      }));
      const mediaType = 'application/vnd.oci.image.manifest.v1+json';
      const manifest = Buffer.from(
        JSON.stringify({ schemaVersion: 2, mediaType, config, layers: rest }),
      );
      const put = await api.send('PUT', `/v2/${name}/manifests/${tag}`, {
        headers: { 'content-type': mediaType },
        body: manifest,
      });
      expect(put.status).toBe(201);
      appendFileSync(log, 'ack 1\n');
      const digest = digestOf(manifest) as Digest;
      expect((await api.delete(`/v2/${name}/manifests/${digest}`)).status).toBe(202);
      const blobs = layers.map((bytes) => digestOf(bytes) as Digest);
      return [
        readFileSync(log, 'utf8').trimEnd().split('\n'),
        [
          ...[...blobs, digest].map(blobDataPath),
          ...blobs.map((blob) => layerLinkPath(name, blob)),
          revisionLinkPath(name, digest),
          tagLinkPath(name, tag),
        ],
      ];
    } finally {
      api.close();
      await registry.stop();
    }
  }

  /** What was made below `root`, and synced there, as lines of the log tell. */
  function foldersSynced(lines: readonly string[], root: string): string[] {
    const made = lines.filter((line) => line.startsWith('mkdir ')).map((line) => line.slice(6));
    const folders = new Set([root, ...made]);
    return lines
      .filter((line) => line.startsWith('sync ') && folders.has(line.slice(5)))
      .map((line) => line.slice(5));
  }

  it('syncs no directory, and all bytes before they have their name', async () => {
    const root = join(data.path, 'none');
    const [lines, promised] = await pushAndDelete('none');
    expect(promised).toHaveLength(7);
    expect(foldersSynced(lines, root)).toEqual([]);
    const cut = new PowerCut(root);
    let looks = 0;
    for (const line of lines) {
      const isAcknowledged = cut.take(line) !== undefined;
      const [what, , to = ''] = line.split(' ');
      if (what === 'rename' && promised.includes(to.slice(root.length))) {
        // Whatever becomes of the name, its bytes are on the disk by now.
        expect(cut.isUnsynced(to.slice(root.length)), line).toBe(false);
        looks += 1;
      }
      if (isAcknowledged) {
        expect(promised.filter((path) => cut.isUnsynced(path))).toEqual([]);
        // Else the folders were synced after all, and nothing is tested here.
        expect(promised.filter((path) => cut.loss(path) === undefined)).toEqual([]);
        looks += 1;
      }
    }
    expect(looks).toBeGreaterThan(4);
  });

  it('lets garbage-collect sync what it removes all the same', async () => {
    const root = join(data.path, 'none');
    const log = join(tools.path, 'garbage.log');
    const file = join(tools.path, 'garbage.yml');
    writeFileSync(log, '');
    writeFileSync(
      file,
      JSON.stringify({
        version: 0.1,
        storage: { filesystem: { rootdirectory: root, dirsync: 'none' } },
      }),
    );
    const { code } = await runLongshore(['garbage-collect', file], {
      ...fault.env,
      IO_FAULT_LOG: log,
    });
    expect(code).toBe(0);
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    const removed = lines.filter((line) => /^unlink .*\/blobs\/.*\/data$/.test(line));
    expect(removed).toHaveLength(3);
    const synced = lines.filter((line) => line.startsWith('synced ')).map((line) => line.slice(7));
    for (const line of removed) {
      expect(synced).toContain(dirname(dirname(line.slice('unlink '.length))));
    }
  });

  it('syncs them unless it is told not to', async () => {
    const root = join(data.path, 'commit');
    const [lines, promised] = await pushAndDelete('commit');
    expect(foldersSynced(lines, root).length).toBeGreaterThan(10);
    const cut = new PowerCut(root);
    for (const line of lines) {
      if (cut.take(line) !== undefined) {
        expect(promised.filter((path) => cut.loss(path) !== undefined)).toEqual([]);
      }
    }
  });
});
