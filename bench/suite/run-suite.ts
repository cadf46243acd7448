/**
 * Runs profiles: starts every server on an empty root, opens the profile on each, warms up, then interleaves timed
 * runs, A B A B, so that a slow minute of the machine hits all alike. The servers that wait use no CPU meanwhile.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { errorText } from '../../src/errors.ts';
import type { CaseResult, Run } from '../figures/results.ts';
import type { CaseName } from '../load/protocol.ts';
import type { Profile, Scale } from '../profiles/profile.ts';
import { fullScale, quickScale } from '../profiles/scale.ts';
import { freeData } from './free-data.ts';
import { LoadClient } from './load-client.ts';
import type { SuiteOptions } from './options.ts';
import { cpuSeconds, peakBytes, resetPeak, residentBytes } from './process-usage.ts';
import { type Server, startServer } from './servers.ts';
import { makeFolderApart } from './spread-folders.ts';
import { touchMemory } from './touch-memory.ts';

/** What a suite tells while it runs. */
export interface SuiteObserver {
  profileStarted(profile: Profile): void;
  caseDone(result: CaseResult): void;
}

/** Servers that answer may still be loading threads and compiling what started them. */
const restMs = 1_500;

interface Bench {
  readonly profile: Profile;
  readonly options: SuiteOptions;
  readonly scale: Scale;
  readonly servers: readonly Server[];
  /** Memory before any load, by the server's name. */
  readonly restBytes: ReadonlyMap<string, number>;
  readonly load: LoadClient;
  readonly signal: AbortSignal;
}

type Failures = { server: string; error: string }[];

/**
 * Hands each case to the observer as it is done, so that none is lost when a later one cannot be run.
 *
 * @param signal  Ends the run early; servers are stopped and their folders removed all the same.
 * @throws when a server does not start, a profile opens on none, or no case has the name asked for
 */
export async function runSuite(
  options: SuiteOptions,
  isRaised: boolean,
  observer: SuiteObserver,
  signal: AbortSignal,
): Promise<void> {
  const names: string[] = [];
  for (const profile of options.profiles) {
    observer.profileStarted(profile);
    names.push(...(await runProfile(profile, options, isRaised, observer, signal)));
  }
  if (!names.some((name) => name.includes(options.caseText))) {
    const known = [...new Set(names)].join('; ');
    throw new RangeError(`--case ${options.caseText}: no case's name holds it: ${known}`);
  }
}

/** @returns the names of all its cases, run or not */
async function runProfile(
  profile: Profile,
  options: SuiteOptions,
  isRaised: boolean,
  observer: SuiteObserver,
  signal: AbortSignal,
): Promise<readonly string[]> {
  signal.throwIfAborted();
  const scale = options.isQuick ? quickScale : fullScale;
  const folder = mkdtempSync(join(options.root, 'longshore-bench-'));
  const servers: Server[] = [];
  const load = new LoadClient(isRaised);
  const onAbort = (): void => void load.stop();
  signal.addEventListener('abort', onAbort);
  try {
    for (const peer of options.peers) {
      const own = makeFolderApart(folder, peer.name);
      await profile.prepareRoot?.(join(own, 'root'), scale);
      servers.push(await startServer(peer, own, isRaised, signal));
    }
    await wait(restMs, undefined, { signal });
    const restBytes = new Map(servers.map(({ peer, pid }) => [peer.name, residentBytes(pid)]));
    return await runCases({ profile, options, scale, servers, restBytes, load, signal }, observer);
  } finally {
    signal.removeEventListener('abort', onAbort);
    await load.stop();
    for (const server of servers) {
      await server.stop();
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runCases(bench: Bench, observer: SuiteObserver): Promise<readonly string[]> {
  const failures: Failures = [];
  const cases = await openOnAll(bench, failures);
  for (const [name, unit] of cases) {
    if (!name.includes(bench.options.caseText)) {
      continue;
    }
    observer.caseDone(await runCase(bench, { name, unit }, failures));
  }
  return [...cases.keys()];
}

/** Names and units of the cases, from whichever server the profile opened on. */
async function openOnAll(
  { profile, options, scale, servers, load, signal }: Bench,
  failures: Failures,
): Promise<ReadonlyMap<string, CaseName['unit']>> {
  const cases = new Map<string, CaseName['unit']>();
  for (const { peer, port, pid } of servers) {
    try {
      const question = {
        server: peer.name,
        profile: profile.id,
        port,
        pid,
        scale,
        rateClient: options.rateClient,
      };
      for (const { name, unit } of await load.open(question)) {
        cases.set(name, unit);
      }
    } catch (error) {
      signal.throwIfAborted();
      failures.push({ server: peer.name, error: errorText(error) });
    }
  }
  if (cases.size === 0) {
    const reasons = failures.map(({ server, error }) => `${server}: ${error}`);
    throw new Error(`profile ${profile.id} opened on no server: ${reasons.join('; ')}`);
  }
  return cases;
}

async function runCase(
  bench: Bench,
  { name, unit }: CaseName,
  earlier: Failures,
): Promise<CaseResult> {
  const { profile, options, servers } = bench;
  const failures: Failures = [...earlier];
  const runs = new Map<string, Run[]>(servers.map(({ peer }) => [peer.name, []]));
  for (let turn = 0; turn <= options.runs; turn += 1) {
    const isWarmUp = turn === 0;
    const seconds = isWarmUp ? options.warmUpSeconds : options.seconds;
    for (const server of servers) {
      bench.signal.throwIfAborted();
      const own = server.peer.name;
      if (failures.some((failure) => failure.server === own)) {
        continue;
      }
      try {
        const run = await timeRun(bench, server, name, seconds);
        if (!isWarmUp) {
          runs.get(own)?.push(run);
        }
      } catch (error) {
        bench.signal.throwIfAborted();
        failures.push({ server: own, error: errorText(error) });
      }
    }
  }
  return {
    profile: profile.id,
    title: profile.title,
    question: profile.question,
    name,
    unit,
    servers: [...runs].map(([server, all]) => ({
      server,
      restBytes: bench.restBytes.get(server) ?? 0,
      runs: all,
    })),
    failures,
  };
}

async function timeRun(
  { profile, options, load }: Bench,
  server: Server,
  name: string,
  seconds: number,
): Promise<Run> {
  if (profile.fillsBytes !== undefined && !options.isQuick) {
    touchMemory(profile.fillsBytes);
  }
  resetPeak(server.pid);
  const run = await prepared(load, server.peer.name, name, async () => {
    const cpuBefore = cpuSeconds(server.pid);
    const loadBefore = cpuSeconds(load.pid);
    const measured = await load.run(server.peer.name, name, seconds);
    return {
      ...measured,
      cpuSeconds: cpuSeconds(server.pid) - cpuBefore,
      loadCpuSeconds: cpuSeconds(load.pid) - loadBefore,
      peakBytes: peakBytes(server.pid),
    };
  });
  if (profile.fillsBytes !== undefined) {
    freeData(server.root);
  }
  // What this server left unwritten must not be written during the next one's run.
  spawnSync('sync', ['-f', server.root]);
  return run;
}

/** Runs `work` between the two: what they cost is not counted. */
async function prepared(
  load: LoadClient,
  server: string,
  name: string,
  work: () => Promise<Run>,
): Promise<Run> {
  try {
    await load.prepare(server, name);
    return await work();
  } finally {
    await load.end(server, name);
  }
}
