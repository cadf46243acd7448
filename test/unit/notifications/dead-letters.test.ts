import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  DeadLetters,
  deadLetterFolder,
  listDeadLetters,
} from '../../../src/notifications/dead-letters.ts';
import type { NotificationEvent } from '../../../src/notifications/envelope.ts';
import { readLane, takeAbandonedLanes } from '../../../src/notifications/lanes.ts';
import { replayDeadLetters } from '../../../src/notifications/replay.ts';
import { encodeRecord, type SpoolRecord } from '../../../src/notifications/spool-record.ts';
import { collectLogger } from '../../support/collect-logger.ts';

const configured = new Set(['sink']);
const nothing = { events: 0, batches: 0, broken: 0, left: new Map() };

function record(seq: number, key = 'sink'): SpoolRecord {
  return { seq, for: [key], at: 1, event: { id: `e${seq}` } as NotificationEvent };
}

describe('dead letters', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'dead-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true });
  });

  function letters(limitBytes: number): DeadLetters & { logged: () => string[] } {
    const logger = collectLogger();
    const made = new DeadLetters({ directory, limitBytes, logger, now: () => 1000 });
    return Object.assign(made, { logged: () => logger.lines.map(({ message }) => message) });
  }

  it('takes no more than its bound, says so, and takes again after a replay', async () => {
    const [first] = [encodeRecord(record(1))];
    const dead = letters(first.length + 10);
    expect(await dead.put([record(1)])).toBe(true);
    expect(dead.sizeBytes).toBe(first.length);
    expect(await dead.put([record(2)])).toBe(false);
    expect(dead.logged()).toEqual(['dead-letter folder is full: replay or empty it']);
    await replayDeadLetters(directory, { configured });
    expect(await dead.put([record(2)])).toBe(true);
  });

  it('says so when the folder cannot be written', async () => {
    await writeFile(deadLetterFolder(directory), 'in the way');
    const dead = letters(1000);
    expect(await dead.put([record(1)])).toBe(false);
    expect(dead.logged()).toEqual(['dead letters could not be written']);
  });

  it('leaves what no configured endpoint takes, and counts it', async () => {
    const dead = letters(10_000);
    await dead.put([record(1, 'a'), record(2, 'a')]);
    await dead.put([record(3, 'b')]);
    await dead.put([record(4, 'b'), record(5, 'b')]);
    const targets = { configured: new Set(['a', 'c']) };
    const left = new Map([['b', 3]]);
    expect(await replayDeadLetters(directory, targets)).toMatchObject({ events: 2, left });
    expect(await listDeadLetters(directory)).toHaveLength(2);
    expect(await replayDeadLetters(directory, targets)).toMatchObject({ events: 0, left });
  });

  it('gives the events of one endpoint to another that is told, unless that is not configured', async () => {
    const dead = letters(10_000);
    await dead.put([record(1, 'old'), record(2, 'old')]);
    await dead.put([record(3, 'a')]);
    const targets = { configured: new Set(['a', 'new']), renamed: new Map([['old', 'nobody']]) };
    expect(await replayDeadLetters(directory, targets)).toMatchObject({
      events: 1,
      left: new Map([['old', 2]]),
    });
    targets.renamed.set('old', 'new');
    expect(await replayDeadLetters(directory, targets)).toMatchObject({
      events: 2,
      left: new Map(),
    });
    const lanes = await takeAbandonedLanes(directory, Date.now());
    const records = (await Promise.all(lanes.map(readLane))).flatMap((lane) => lane.records);
    expect(records.map((each) => [each.event.id, ...each.for])).toEqual([
      ['e3', 'a'],
      ['e1', 'new'],
      ['e2', 'new'],
    ]);
  });

  it('replays what can be read of a spoilt file, once, and keeps the file aside', async () => {
    const dead = letters(10_000);
    await dead.put([record(1)]);
    const [file = ''] = await listDeadLetters(directory);
    const { size } = await stat(file);
    await writeFile(file, `${encodeRecord(record(1))}${'x'.repeat(size)}\n`);
    expect(await replayDeadLetters(directory, { configured })).toEqual({
      ...nothing,
      events: 1,
      batches: 1,
      broken: 1,
    });
    expect(await replayDeadLetters(directory, { configured })).toEqual(nothing);
    expect(await readdir(deadLetterFolder(directory))).toHaveLength(1);
  });

  it('has nothing to replay where there is no folder', async () => {
    expect(await replayDeadLetters(directory, { configured })).toEqual(nothing);
  });
});
