/** Clients that go away in the middle of a download: their files are closed at once, however many there are. */

import { readdir, readlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ApiClient } from '../support/api-client.ts';
import { noise } from '../support/bytes.ts';
import { frontEnds, startRegistry } from '../support/registry.ts';

const downloads = 10_000;
const atOnce = 50;
const settleMs = 20_000;

interface OpenFiles {
  readonly all: number;
  readonly inStorage: number;
}

async function openFiles(pid: number, root: string): Promise<OpenFiles> {
  const folder = `/proc/${pid}/fd`;
  const targets = await Promise.all(
    (await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => '')),
  );
  return {
    all: targets.length,
    inStorage: targets.filter((target) => target.startsWith(root)).length,
  };
}

/** Asks for the blob and hangs up with the first bytes of it. */
function abortedDownload(port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('error', reject);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    socket.once('data', (data: Buffer) => {
      if (data.toString('latin1', 0, 12) !== 'HTTP/1.1 200') {
        reject(new Error(data.toString('latin1', 0, 200)));
      }
      socket.destroy();
      resolve();
    });
  });
}

describe.each(frontEnds)('aborted downloads (%s)', (frontEnd) => {
  it(`leave no descriptor open after ${downloads} of them`, { timeout: 240_000 }, async () => {
    const registry = await startRegistry({ frontEnd });
    const api = new ApiClient(registry.port);
    // More than sockets buffer, so that the file is open when the client goes.
    const digest = await api.pushBlob('team/app', noise(8 * 1024 * 1024));
    const path = `/v2/team/app/blobs/${digest}`;
    await api.get('/v2/');
    const before = await openFiles(registry.pid, registry.root);
    expect(before.inStorage).toBe(0);

    let started = 0;
    const client = async (): Promise<void> => {
      while (started < downloads) {
        started += 1;
        await abortedDownload(registry.port, path);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, client));

    // The kernel tells the server of each hang-up in its own time.
    const deadlineMs = performance.now() + settleMs;
    let after = await openFiles(registry.pid, registry.root);
    while ((after.inStorage > 0 || after.all > before.all) && performance.now() < deadlineMs) {
      await delay(50);
      after = await openFiles(registry.pid, registry.root);
    }
    expect(after.inStorage).toBe(0);
    expect(after.all).toBeLessThanOrEqual(before.all);
    expect((await api.get(path)).body.length).toBe(8 * 1024 * 1024);
    api.close();
    expect(await registry.stop()).toBe(0);
  });
});
