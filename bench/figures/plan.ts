/**
 * From measured CPU seconds to cores: "N pushes/s of images like X need M cores". Two costs make up a push: a fixed one
 * for each object (layer, config, manifest), out of profile (a), and one for each byte, out of the large layers of (c)
 * or (d). Pure. It counts CPU alone: what storage must take is said beside it.
 */

import { ciLayers } from '../profiles/profile.ts';
import { number } from './format.ts';
import type { CaseResult, Results, Run } from './results.ts';

/** Images to be pushed, and how often. */
export interface PushLoad {
  readonly pushesPerSecond: number;
  readonly layers: number;
  readonly layerBytes: number;
}

export interface Plan {
  readonly server: string;
  readonly cpuSecondsPerImage: number;
  readonly cores: number;
}

export interface PushCost {
  readonly secondsPerObject: number;
  readonly secondsPerByte: number;
}

/** Cores are filled to this share, so that peaks do not queue. */
export const plannedBusyShare = 0.7;
/** Config and manifest. */
const extraObjects = 2;
const mib = 1024 ** 2;

/** What the report and `npm run bench` plan without being asked. */
export const usualLoads: readonly PushLoad[] = [
  { pushesPerSecond: 50, layers: 5, layerBytes: mib / 16 },
  { pushesPerSecond: 500, layers: 5, layerBytes: mib / 16 },
  { pushesPerSecond: 20, layers: 5, layerBytes: 4 * mib },
  { pushesPerSecond: 5, layers: 8, layerBytes: 64 * mib },
];

/** One plan for each server whose costs are known; none when profiles (a) and (c) or (d) are missing. */
export function planFor(
  results: Results,
  load: PushLoad,
  busyShare: number = plannedBusyShare,
): readonly Plan[] {
  return results.servers.flatMap(({ name }) => {
    const cost = pushCost(results, name);
    if (cost === undefined) {
      return [];
    }
    const cpuSecondsPerImage =
      cost.secondsPerObject * (load.layers + extraObjects) +
      cost.secondsPerByte * load.layers * load.layerBytes;
    const cores = (cpuSecondsPerImage * load.pushesPerSecond) / busyShare;
    return [{ server: name, cpuSecondsPerImage, cores }];
  });
}

/** The two costs of a server, `undefined` when a profile they come from was not run. */
export function pushCost(results: Results, server: string): PushCost | undefined {
  const images = runsOf(results, server, ({ profile }) => profile === 'a');
  const large =
    runsOf(results, server, ({ profile }) => profile === 'c') ??
    runsOf(results, server, ({ profile }) => profile === 'd');
  if (images === undefined || large === undefined) {
    return undefined;
  }
  const secondsPerByte = total(large, 'cpuSeconds') / total(large, 'bytes');
  const count = total(images, 'count');
  const forBytes = total(images, 'bytes') * secondsPerByte;
  const fixed = Math.max(0, total(images, 'cpuSeconds') - forBytes) / count;
  return { secondsPerObject: fixed / (ciLayers + extraObjects), secondsPerByte };
}

export function planText(results: Results, loads: readonly PushLoad[] = usualLoads): string {
  const lines = loads.flatMap((load) => planLines(results, load));
  return lines.length === 0
    ? 'plan: profiles a and c (or d) are needed.\n'
    : `Cores for a load, filled to ${plannedBusyShare * 100} %:\n${lines.join('\n')}\n`;
}

/** `500 pushes/s of 5 x 64 KiB` */
export function loadName({ pushesPerSecond, layers, layerBytes }: PushLoad): string {
  const kib = layerBytes / 1024;
  const size = kib < 1024 ? `${number(kib)} KiB` : `${number(kib / 1024)} MiB`;
  return `${pushesPerSecond} pushes/s of images of ${layers} x ${size}`;
}

/** Bytes and synced objects a second that the load asks of the storage below. */
export function storageText({ pushesPerSecond, layers, layerBytes }: PushLoad): string {
  const bytes = number((pushesPerSecond * layers * layerBytes) / mib);
  const objects = number(pushesPerSecond * (layers + extraObjects));
  return `storage takes ${bytes} MiB/s and ${objects} synced objects/s`;
}

function planLines(results: Results, load: PushLoad): string[] {
  const plans = planFor(results, load);
  if (plans.length === 0) {
    return [];
  }
  const needs = plans.map(({ server, cores }) => `${server} ${number(cores)} cores`);
  return [`  ${loadName(load)} need: ${needs.join(', ')} (${storageText(load)})`];
}

function runsOf(
  results: Results,
  server: string,
  isWanted: (result: CaseResult) => boolean,
): readonly Run[] | undefined {
  const runs = results.cases
    .filter(isWanted)
    .flatMap((each) => each.servers.filter((own) => own.server === server))
    .flatMap((own) => own.runs);
  return runs.length === 0 ? undefined : runs;
}

function total(runs: readonly Run[], field: 'count' | 'bytes' | 'cpuSeconds'): number {
  return runs.reduce((sum, run) => sum + run[field], 0);
}
