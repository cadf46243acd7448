import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NotificationEvent } from '../../../src/notifications/envelope.ts';
import { lanesFolder, makeLane, readLane, releaseLane } from '../../../src/notifications/lanes.ts';
import { Spool } from '../../../src/notifications/spool.ts';
import {
  decodeRecords,
  encodeRecord,
  type SpoolRecord,
} from '../../../src/notifications/spool-record.ts';
import { silentLogger } from '../../../src/observe/logger.ts';

function record(seq: number, keys: readonly string[] = ['a'], filler = ''): SpoolRecord {
  return {
    seq,
    for: keys,
    at: 1,
    event: { id: `e${seq}`, filler } as unknown as NotificationEvent,
  };
}

describe('spool records', () => {
  it('skip what a crash tore and keep the lines around it', () => {
    const lines = [1, 2, 3].map((seq) => encodeRecord(record(seq)));
    const torn = `${lines[0]}${lines[1]?.slice(0, -7)}\n${lines[2]}${lines[1]?.slice(0, 20)}`;
    const { records, broken } = decodeRecords(torn);
    expect(records.map(({ seq }) => seq)).toEqual([1, 3]);
    expect(broken).toBe(2);
  });
});

describe('spool', () => {
  let directory: string;
  let spool: Spool;
  const heirs: Spool[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'spool-'));
    spool = new Spool({ directory, logger: silentLogger, now: Date.now });
    await spool.open();
  });
  afterEach(async () => {
    await Promise.allSettled([spool, ...heirs.splice(0)].map((each) => each.close(false)));
    await rm(directory, { recursive: true });
  });

  async function lane(): Promise<string> {
    const [name] = await readdir(lanesFolder(directory));
    return join(lanesFolder(directory), name ?? '');
  }

  it('has every record on disk once its append resolves, in order', async () => {
    const all = Array.from({ length: 500 }, (_, at) => spool.append(record(at + 1)));
    await all[120];
    expect((await readLane(await lane())).records.length).toBeGreaterThanOrEqual(121);
    await Promise.all(all);
    const { records } = await readLane(await lane());
    expect(records.map(({ seq }) => seq)).toEqual(all.map((_, at) => at + 1));
  });

  it('remembers per endpoint what is delivered', async () => {
    await Promise.all([spool.append(record(1, ['a', 'b'])), spool.append(record(2, ['a', 'b']))]);
    await spool.settle({ a: 1, b: 2 });
    const { records } = await readLane(await lane());
    expect(records).toMatchObject([{ seq: 2, for: ['a'] }]);
  });

  it('counts everything as undelivered when the note of what is delivered was lost', async () => {
    await spool.append(record(1));
    await spool.settle({ a: 1 });
    await writeFile(join(await lane(), 'settled.json'), '');
    expect((await readLane(await lane())).records).toHaveLength(1);
  });

  it('removes segments once all endpoints have their events', async () => {
    const filler = 'x'.repeat(1024 * 1024);
    for (let seq = 1; seq <= 20; seq += 1) {
      await spool.append(record(seq, ['a', 'b'], filler));
    }
    const before = spool.sizeBytes;
    await spool.settle({ a: 20, b: 3 });
    expect(spool.sizeBytes).toBe(before);
    await spool.settle({ a: 20, b: 20 });
    expect(spool.sizeBytes).toBeLessThan(before / 2);
    const segments = (await readdir(await lane())).filter((name) => name.endsWith('.log'));
    expect(segments).toHaveLength(1);
  });

  it('compacts to what waits, and loses no record that is appended meanwhile', async () => {
    const filler = 'x'.repeat(1024 * 1024);
    for (let seq = 1; seq <= 40; seq += 1) {
      await spool.append(record(seq, ['a'], filler));
    }
    expect(spool.needsCompaction(filler.length)).toBe(true);
    const compacting = spool.compact(() => [record(1, ['a'], filler), record(40, ['a'])]);
    const appended = spool.append(record(41));
    await Promise.all([compacting, appended]);
    expect((await readLane(await lane())).records.map(({ seq }) => seq)).toEqual([1, 40, 41]);
    expect(spool.needsCompaction(filler.length)).toBe(false);
  });

  it('takes over what a dead process left, once, though it was torn at the end', async () => {
    await spool.append(record(1));
    await spool.close(false);
    const left = await lane();
    await appendFile(join(left, '00000001.log'), encodeRecord(record(2)).slice(0, 30));
    const adopted: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      heirs.push(new Spool({ directory, logger: silentLogger, now: Date.now }));
    }
    await Promise.all(heirs.map((heir) => heir.open()));
    await Promise.all(
      heirs.map((heir) =>
        heir.adoptAbandoned(async (records) => {
          adopted.push(...records.map(({ event }) => event.id));
          return true;
        }),
      ),
    );
    expect(adopted).toEqual(['e1']);
    expect(await readdir(lanesFolder(directory))).toHaveLength(3);
  });

  it('leaves the lane of a living process alone, and takes one whose owner stopped touching it', async () => {
    await spool.append(record(1));
    const owner = join(await lane(), 'owner');
    const facts = JSON.parse(await readFile(owner, 'utf8'));
    // Another host: whether its process lives cannot be seen, only how long ago it touched the file.
    await writeFile(owner, JSON.stringify({ ...facts, host: 'elsewhere' }));
    const adopted: SpoolRecord[] = [];
    const adopt = async (records: readonly SpoolRecord[]): Promise<boolean> => {
      adopted.push(...records);
      return true;
    };
    let nowMs = Date.now();
    const heir = new Spool({ directory, logger: silentLogger, now: () => nowMs });
    heirs.push(heir);
    await heir.open();
    await heir.adoptAbandoned(adopt);
    expect(adopted).toEqual([]);
    nowMs += 61_000;
    await heir.adoptAbandoned(adopt);
    expect(adopted.map(({ seq }) => seq)).toEqual([1]);
  });

  it('takes a neighbour in another container, with the same host name and pid, for alive while it touches its lane', async () => {
    await spool.append(record(1));
    const owner = join(await lane(), 'owner');
    const facts = JSON.parse(await readFile(owner, 'utf8'));
    const neighbour = { ...facts, pidNamespace: 'pid:[1]', startedAtMs: facts.startedAtMs - 5000 };
    await writeFile(owner, JSON.stringify(neighbour));
    const adopted: SpoolRecord[] = [];
    const adopt = async (records: readonly SpoolRecord[]): Promise<boolean> => {
      adopted.push(...records);
      return true;
    };
    const heir = new Spool({ directory, logger: silentLogger, now: Date.now });
    heirs.push(heir);
    await heir.open();
    await heir.adoptAbandoned(adopt);
    expect(adopted).toEqual([]);
    // The same without the other container: an earlier life of this very process.
    await writeFile(owner, JSON.stringify({ ...neighbour, pidNamespace: facts.pidNamespace }));
    await heir.adoptAbandoned(adopt);
    expect(adopted).toHaveLength(1);
  });

  it('makes a new lane when its own was taken over', async () => {
    expect(await spool.touch()).toBe(true);
    await rm(await lane(), { recursive: true });
    expect(await spool.touch()).toBe(false);
    await spool.append(record(7));
    expect((await readLane(await lane())).records.map(({ seq }) => seq)).toEqual([7]);
  });

  it('counts writes that fail, and still resolves', async () => {
    await rm(directory, { recursive: true });
    await spool.close(false).catch(() => undefined);
    await spool.append(record(1));
    expect(spool.writeErrors).toBe(1);
    await makeLane(directory, { nowMs: 1, isOwned: false }).then(releaseLane);
  });
});
