/**
 * What the filesystem driver has acknowledged outlives a power cut, and what a killed process leaves is never torn.
 * Power cuts are worked out from the log of file calls (test/support/power-cut.ts); kills are real.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WriteStep } from '../../src/storage/driver.ts';
import { createFilesystemDriver } from '../../src/storage/drivers/filesystem/driver.ts';
import { noise, sha256 } from '../support/bytes.ts';
import { buildDriver, DriverProcess, type Handle } from '../support/driver-process.ts';
import { buildIoFault, type IoFault, ioFaultMissing } from '../support/io-fault.ts';
import { PowerCut } from '../support/power-cut.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';

const missing = await ioFaultMissing();

describe.skipIf(missing !== undefined)(`filesystem durability ${missing ?? ''}`, () => {
  let tools: TempFolder;
  let fault: IoFault;
  let driverModule: string;

  beforeAll(async () => {
    tools = await tempFolder();
    fault = await buildIoFault(tools.path);
    driverModule = await buildDriver(tools.path);
  });

  afterAll(() => tools.remove());

  /** A driver of its own process, whose file calls are written to `log`. */
  function startLogged(root: string, log: string): Promise<DriverProcess> {
    writeFileSync(log, '');
    return DriverProcess.start(driverModule, root, { ...fault.env, IO_FAULT_LOG: log });
  }

  /** At each acknowledgement, what it promises would outlive a power cut. Gives the number of paths looked at. */
  function checkPromises(
    root: string,
    log: string,
    promised: ReadonlyMap<number, readonly string[]>,
  ): number {
    const powerCut = new PowerCut(root);
    let count = 0;
    for (const line of readFileSync(log, 'utf8').trimEnd().split('\n')) {
      for (const path of promised.get(powerCut.take(line) ?? -1) ?? []) {
        expect(powerCut.loss(path)).toBeUndefined();
        count += 1;
      }
    }
    return count;
  }

  it('acknowledges nothing that a power cut could take, with many commits at once', async () => {
    const data = await tempFolder();
    const log = join(tools.path, 'calls.log');
    const driver = await startLogged(data.path, log);
    /** Call number -> paths that its acknowledgement promises. */
    const promised = new Map<number, string[]>();
    const acknowledged = (paths: string[], call: string, args: unknown[], on?: Handle) => {
      promised.set(driver.nextId, paths);
      return driver.call(call, args, on);
    };
    const push = async (n: number): Promise<void> => {
      const up = `/uploads/${n}/data`;
      const writer = await driver.call<Handle>('openWriter', [up, { append: false }]);
      await driver.call('write', [noise(1000)], writer);
      await acknowledged([up], 'close', [], writer);
      promised.set(driver.nextId, [up]);
      expect(await driver.call('appendToOpen', [up, 1000, noise(5000)])).toBe(true);
      const again = await driver.call<Handle>('openWriter', [up, { append: true }]);
      await driver.call('write', [noise(9_000_000 / (1 + (n % 40)))], again);
      await acknowledged([up], 'commit', [], again);
      // Several meet in one new folder, and several commit the same blob.
      const blob = `/blobs/${n % 4}/${n % 20}/data`;
      const link = `/repo${n % 3}/layers/${n}/link`;
      const steps: WriteStep[] = [
        { kind: 'move', from: up, to: blob, keepExisting: true },
        { kind: 'put', path: link, content: `${n}` },
      ];
      await acknowledged([blob, link], 'apply', [steps]);
      await acknowledged([`/repo${n % 3}/tags/t${n % 5}`], 'put', [
        `/repo${n % 3}/tags/t${n % 5}`,
        'x',
      ]);
      await acknowledged([blob, link], 'delete', [`/uploads/${n}`]);
    };
    try {
      await Promise.all(Array.from({ length: 40 }, (_, n) => push(n)));
      // Small commits into one folder, so many at once that they share its syncs.
      await Promise.all(
        Array.from({ length: 300 }, (_, n) => {
          const path = `/repo0/tags/burst${n}`;
          return acknowledged([path], 'put', [path, 'x']);
        }),
      );
    } finally {
      await driver.stop();
    }

    expect(checkPromises(data.path, log, promised)).toBe(40 * 8 + 300);
    await data.remove();
  });

  it('acknowledges nothing that a power cut could take with the folders of uploads used again', async () => {
    const data = await tempFolder();
    const log = join(tools.path, 'recycled.log');
    const driver = await startLogged(data.path, log);
    const promised = new Map<number, string[]>();
    const lying: string[][] = [[], [], []];
    let used = 0;
    const push = async (n: number): Promise<void> => {
      const ready = lying[n % lying.length] ?? [];
      let up = ready.length < 3 ? undefined : ready.shift();
      if (up === undefined) {
        up = `/repo${n % lying.length}/uploads/${n}`;
        await driver.call('put', [`${up}/startedat`, 'now', { durable: false }]);
      } else {
        used += 1;
      }
      const writer = await driver.call<Handle>('openWriter', [`${up}/data`, { append: true }]);
      await driver.call('write', [noise(1000)], writer);
      const withLink = n % 3 > 0;
      promised.set(driver.nextId, withLink ? [`${up}/data`, `${up}/link`] : [`${up}/data`]);
      await (withLink
        ? driver.call('closeWith', ['link', `${n}`], writer)
        : driver.call('close', [], writer));
      // Some blobs are there already, or come twice at once.
      const blob = `/blobs/${n % 7}/${n % 160}/data`;
      const link = `/repo${n % lying.length}/layers/${n % 160}/link`;
      const next = `/repo${n % lying.length}/uploads/after-${n}`;
      const steps: WriteStep[] = [
        { kind: 'move', from: `${up}/data`, to: blob },
        withLink
          ? { kind: 'move', from: `${up}/link`, to: link }
          : { kind: 'put', path: link, content: `${n}` },
        { kind: 'recycle', from: up, to: next, holds: ['startedat'] },
      ];
      promised.set(driver.nextId, [blob, link]);
      await driver.call('apply', [steps]);
      ready.push(next);
    };
    let count = 0;
    try {
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          while (count < 200) {
            count += 1;
            await push(count);
          }
        }),
      );
    } finally {
      await driver.stop();
    }
    expect(used).toBeGreaterThan(100);
    const taken = readFileSync(log, 'utf8').match(
      /^rename \S+\/uploads\/[^/ ]+ \S+\/blobs\/\S+$/gm,
    );
    expect(taken?.length).toBeGreaterThan(100);
    expect(checkPromises(data.path, log, promised)).toBe(600 + 134);
    await data.remove();
  });

  it('leaves every file whole when the process is killed at any moment, and goes on from there', async () => {
    const data = await tempFolder();
    for (let round = 1; round <= 12; round += 1) {
      const driver = await DriverProcess.start(driverModule, data.path, {});
      const acknowledged: string[] = [];
      // Killed when so many are acknowledged: always in the middle of others.
      const enough = round * 3;
      const puts = await new Promise<Promise<unknown>[]>((stop) => {
        const started = Array.from({ length: 40 }, async (_, n) => {
          const content = noise(100 + n * 997, n + 1);
          const path = `/d${n % 7}/${sha256(content)}`;
          try {
            await driver.call('put', [path, content]);
          } catch {
            // The process is gone: nothing was promised.
            return;
          }
          if (acknowledged.push(path) === enough) {
            stop(started);
          }
        });
      });
      await driver.stop();
      await Promise.all(puts);
      expect(acknowledged.length).toBeGreaterThanOrEqual(enough);

      const reader = createFilesystemDriver({ rootdirectory: data.path, maxthreads: 100 });
      for (const path of acknowledged) {
        expect(await reader.stat(path)).toBeDefined();
      }
      for (const folder of (await reader.list('/')) ?? []) {
        for (const { name } of (await reader.list(`/${folder.name}`)) ?? []) {
          expect(sha256(await reader.get(`/${folder.name}/${name}`))).toBe(name);
        }
        if (round % 2 === 0) {
          await reader.delete(`/${folder.name}`);
        }
      }
    }
    await data.remove();
  });
});
