/**
 * The spool folder and who owns which part of it. Each process writes to a lane of its own, so several registries may
 * share one folder; what a dead process left behind is taken over by whoever finds it first.
 *
 *   <directory>/lanes/<start time>-<random>/
 *     owner               who writes here; touched every few seconds, gone after a clean stop
 *     00000001.log …      segments: lines of spool-record.ts
 *     settled.json        endpoint -> seq: everything up to it is delivered; may lag behind, never ahead
 *   <directory>/dead-letters/
 */

import { randomBytes } from 'node:crypto';
import {
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { hasCode } from '../errors.ts';
import { decodeRecords, type SpoolRecord } from './spool-record.ts';

/**
 * An owner that did not touch its file for so long is dead. On the same host a process that is gone is known at once;
 * one in another container is not, so what a crashed container left is taken over after this time.
 */
const leaseMs = 60_000;
const unfinishedPrefix = '.new-';

interface Owner {
  readonly host: string;
  /** Process ids mean something within one of these only: containers may share a host's name. */
  readonly pidNamespace: string;
  readonly pid: number;
  /** Start of the process: a later life may have the same pid. */
  readonly startedAtMs: number;
}

async function self(): Promise<Owner> {
  return {
    host: hostname(),
    // Linux only; elsewhere one host is one namespace.
    pidNamespace: await readlink('/proc/self/ns/pid').catch(() => ''),
    pid: process.pid,
    startedAtMs: Math.round(performance.timeOrigin),
  };
}

export function lanesFolder(directory: string): string {
  return join(directory, 'lanes');
}

/** Makes a lane. With an owner it is ours; without one anybody may take it over. Names sort by time. */
export async function makeLane(
  directory: string,
  options: { nowMs: number; isOwned: boolean },
): Promise<string> {
  const name = `${String(options.nowMs).padStart(15, '0')}-${randomBytes(4).toString('hex')}`;
  const lane = join(lanesFolder(directory), name);
  // Under another name until it has its owner, so that nobody takes it for abandoned.
  const unfinished = join(lanesFolder(directory), `${unfinishedPrefix}${name}`);
  await mkdir(unfinished, { recursive: true, mode: 0o700 });
  if (options.isOwned) {
    await writeFile(join(unfinished, 'owner'), JSON.stringify(await self()), { flag: 'wx' });
  }
  await syncFolder(unfinished);
  await rename(unfinished, lane);
  await syncFolder(lanesFolder(directory));
  return lane;
}

/** Says that the owner lives. False: the lane was taken over, or is gone. */
export async function touchLane(lane: string, nowMs: number): Promise<boolean> {
  try {
    await utimes(join(lane, 'owner'), nowMs / 1000, nowMs / 1000);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) {
      return false;
    }
    throw error;
  }
}

/** Clean end of ownership; what is still in the lane is for the next one. */
export async function releaseLane(lane: string): Promise<void> {
  await rm(join(lane, 'owner'), { force: true });
}

/** Lanes that nobody owns, made ours, oldest first. Of several processes that try, one gets each. */
export async function takeAbandonedLanes(directory: string, nowMs: number): Promise<string[]> {
  const taken: string[] = [];
  for (const name of (await readdir(lanesFolder(directory))).sort()) {
    const lane = join(lanesFolder(directory), name);
    if (!name.startsWith(unfinishedPrefix) && (await takeLane(lane, nowMs))) {
      taken.push(lane);
    }
  }
  return taken;
}

async function takeLane(lane: string, nowMs: number): Promise<boolean> {
  const file = join(lane, 'owner');
  try {
    const facts = await stat(file).catch(absent);
    if (facts !== undefined) {
      if (await isAlive(file, facts.mtimeMs, nowMs)) {
        return false;
      }
      // rename and not unlink: of two takers only one finds the file.
      const stale = join(lane, `stale-${randomBytes(4).toString('hex')}`);
      await rename(file, stale);
      await rm(stale);
    }
    await writeFile(file, JSON.stringify(await self()), { flag: 'wx' });
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'EEXIST') || hasCode(error, 'ENOTDIR')) {
      return false;
    }
    throw error;
  }
}

async function isAlive(file: string, touchedAtMs: number, nowMs: number): Promise<boolean> {
  let owner: Partial<Owner>;
  try {
    owner = JSON.parse(await readFile(file, 'utf8')) as Partial<Owner>;
  } catch {
    // Torn by a crash, or being written right now: the lease decides.
    owner = {};
  }
  const mine = await self();
  const isNear = owner.host === mine.host && owner.pidNamespace === mine.pidNamespace;
  if (isNear && owner.pid !== undefined) {
    if (owner.pid === mine.pid) {
      return owner.startedAtMs === mine.startedAtMs;
    }
    if (!processExists(owner.pid)) {
      return false;
    }
  }
  return nowMs - touchedAtMs < leaseMs;
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

/** What a lane holds that is not settled, oldest first, and how many lines were torn. */
export async function readLane(lane: string): Promise<{ records: SpoolRecord[]; broken: number }> {
  const settled = await readSettled(lane);
  const bySeq = new Map<number, SpoolRecord>();
  let broken = 0;
  const segments = (await readdir(lane)).filter((name) => name.endsWith('.log')).sort();
  for (const name of segments) {
    const segment = decodeRecords(await readFile(join(lane, name), 'utf8'));
    broken += segment.broken;
    for (const record of segment.records) {
      const waiting = record.for.filter((key) => record.seq > (settled[key] ?? 0));
      if (waiting.length > 0) {
        // Once only: compaction may write a record a second time.
        bySeq.set(record.seq, { ...record, for: waiting });
      }
    }
  }
  return { records: [...bySeq.values()].sort((a, b) => a.seq - b.seq), broken };
}

export async function writeSettled(lane: string, settled: Record<string, number>): Promise<void> {
  // No sync: a file that is old or lost means events delivered twice, not events lost.
  const temporary = join(lane, 'settled.tmp');
  await writeFile(temporary, JSON.stringify(settled));
  await rename(temporary, join(lane, 'settled.json'));
}

async function readSettled(lane: string): Promise<Record<string, number>> {
  try {
    return JSON.parse(await readFile(join(lane, 'settled.json'), 'utf8')) as Record<string, number>;
  } catch {
    // Absent, or empty after a power cut: everything counts as undelivered.
    return {};
  }
}

/** Removes a lane whose records are safe elsewhere. The owner file goes last, so that a half-removed lane stays ours. */
export async function removeLane(lane: string): Promise<void> {
  for (const name of await readdir(lane)) {
    if (basename(name) !== 'owner') {
      await rm(join(lane, name), { force: true });
    }
  }
  await rm(lane, { recursive: true, force: true });
}

/** Makes new and removed names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function absent(error: unknown): undefined {
  if (!hasCode(error, 'ENOENT')) {
    throw error;
  }
}
