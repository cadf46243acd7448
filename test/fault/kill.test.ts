/**
 * Kills the registry with SIGKILL at random instants while it takes pushes, mounts, tag moves and deletes, starts it
 * again on what is left, and looks: all that was acknowledged is there and whole, what was not is there whole or not at
 * all, no link is empty, and what was under way can be done again.
 *
 * LONGSHORE_KILL_ROUNDS=300 for the long run; LONGSHORE_KILL_SEED to have one again.
 */

import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ApiClient, digestOf } from '../support/api-client.ts';
import { noise } from '../support/bytes.ts';
import { Dice, type Library, PushingWriter } from '../support/pushing-writer.ts';
import { type FrontEndName, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';

const rounds = Number(process.env['LONGSHORE_KILL_ROUNDS'] ?? 16);
const seed = Number(process.env['LONGSHORE_KILL_SEED'] ?? Date.now() % 1_000_000);
const writersPerRound = 6;
const longestRunMs = 400;
/** Generous for a busy machine: start, load, look and retry take about two seconds. */
const roundTimeoutMs = 15_000;

const storage = 'docker/registry/v2';

let folder: TempFolder;
let library: Library;

beforeAll(async () => {
  folder = await tempFolder();
  const registry = await start('uws');
  const api = new ApiClient(registry.port);
  const digests: string[] = [];
  for (let n = 1; n <= 10; n += 1) {
    digests.push(await api.pushBlob('library', noise(n * 5_000, n)));
  }
  library = { name: 'library', digests };
  api.close();
  await registry.stop();
});
afterAll(() => folder.remove());

function start(frontEnd: FrontEndName): Promise<RunningRegistry> {
  return startRegistry({ root: join(folder.path, 'data'), frontEnd });
}

it(`keeps what it acknowledged over ${rounds} kills (seed ${seed})`, {
  timeout: rounds * roundTimeoutMs + 60_000,
}, async () => {
  const dice = new Dice(seed);
  const everyone: PushingWriter[] = [];
  let registry = await start('uws');
  for (let round = 1; round <= rounds; round += 1) {
    const writers = Array.from(
      { length: writersPerRound },
      (_, n) => new PushingWriter(`r${round}/w${n}`, dice.roll(2 ** 30), library),
    );
    const api = new ApiClient(registry.port);
    const running = writers.map((writer) => writer.run(api));
    await delay(dice.roll(longestRunMs));
    await registry.stop('SIGKILL');
    await Promise.all(running);
    api.close();

    registry = await start(round % 3 === 0 ? 'node' : 'uws');
    const again = new ApiClient(registry.port);
    for (const writer of writers) {
      expect(writer.surprises).toEqual([]);
      expect(await writer.faults(again)).toEqual([]);
    }
    expect(await badLinks(`repositories/r${round}`)).toEqual([]);
    for (const writer of writers) {
      await writer.retry(again);
      expect(await writer.faults(again)).toEqual([]);
    }
    again.close();
    everyone.push(...writers);
  }

  const last = new ApiClient(registry.port);
  for (const writer of everyone) {
    expect(await writer.faults(last)).toEqual([]);
  }
  last.close();
  await registry.stop();
  const acknowledged = everyone.reduce((sum, writer) => sum + writer.acknowledged, 0);
  // A run that acknowledges nothing has shown nothing.
  expect(acknowledged).toBeGreaterThan(rounds);
  expect(await badLinks('repositories')).toEqual([]);
  expect(await torn()).toEqual([]);
  process.stderr.write(`${rounds} kills, ${acknowledged} acknowledged changes, seed ${seed}\n`);
});

/** Link files that do not hold exactly one digest. */
async function badLinks(below: string): Promise<string[]> {
  const bad: string[] = [];
  for (const file of await filesNamed('link', below)) {
    if (!/^sha256:[0-9a-f]{64}$/.test(await readFile(file, 'latin1'))) {
      bad.push(file);
    }
  }
  return bad;
}

/** Blobs that are not what their path says. */
async function torn(): Promise<string[]> {
  const bad: string[] = [];
  for (const file of await filesNamed('data', 'blobs')) {
    if (`sha256:${file.split('/').at(-2)}` !== digestOf(await readFile(file))) {
      bad.push(file);
    }
  }
  return bad;
}

/** Temp files of writers that were killed are left behind under other names. */
async function filesNamed(name: string, below: string): Promise<string[]> {
  const root = join(folder.path, 'data', storage, below);
  if (!existsSync(root)) {
    return [];
  }
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name === name)
    .map((entry) => join(entry.parentPath, entry.name));
}
