/**
 * CPU seconds that a push costs a server, out of what was measured: images of profile (a), layers of (d) and (c). Pure.
 *
 *   a layer's cost
 *        |                        . 64 MiB (c)
 *        |             . 4 MiB (d)            straight lines between the sizes that were measured, so that each of them
 *        |  . 64 KiB                          costs what it cost; beyond the largest, by its cost a byte
 *        |. 0 bytes
 *        +------------------------------ size
 *
 * The two on the left come out of (a): an image there is five layers of 64 KiB and two objects of next to no bytes,
 * config and manifest. They lie on one line with the next size, unless that would make an object cost less than nothing.
 */

import { ciLayers } from '../profiles/profile.ts';
import { fullScale } from '../profiles/scale.ts';
import { parseSize } from './parse-size.ts';
import type { CaseResult, Results, Run } from './results.ts';

/** Config and manifest. */
const extraObjects = 2;

export interface PushCost {
  /** CPU seconds of an object of next to no bytes. */
  readonly secondsPerObject: number;
  /** CPU seconds of one layer. */
  layerSeconds(sizeBytes: number): number;
}

interface Point {
  readonly sizeBytes: number;
  readonly seconds: number;
}

/** `undefined` when a profile it comes from was not run, or not by this server. */
export function pushCost(results: Results, server: string): PushCost | undefined {
  const images = runsOf(results.cases, server, 'a');
  const [first, ...larger] = measuredLayers(results, server);
  if (images.length === 0 || first === undefined) {
    return undefined;
  }
  const smallBytes = fullScale.layerBytes;
  const imageSeconds = total(images, 'cpuSeconds') / total(images, 'count');
  // Of imageSeconds = 5 x layer + 2 x object, with the layer on the line from the object to the first size.
  const layersShare = (ciLayers * smallBytes) / first.sizeBytes;
  const objects = ciLayers + extraObjects - layersShare;
  const secondsPerObject = Math.max(0, (imageSeconds - layersShare * first.seconds) / objects);
  const points: readonly [Point, ...Point[]] = [
    { sizeBytes: 0, seconds: secondsPerObject },
    {
      sizeBytes: smallBytes,
      seconds: (imageSeconds - extraObjects * secondsPerObject) / ciLayers,
    },
    first,
    ...larger,
  ];
  return { secondsPerObject, layerSeconds: (sizeBytes) => between(points, sizeBytes) };
}

/** CPU seconds of an image of so many layers, its config and its manifest. */
export function imageSeconds(cost: PushCost, layers: number, layerBytes: number): number {
  return layers * cost.layerSeconds(layerBytes) + extraObjects * cost.secondsPerObject;
}

/** The cost of a layer at each size of (c) and (d), smallest first, over all numbers of connections. */
function measuredLayers(results: Results, server: string): readonly Point[] {
  const bySize = new Map<number, CaseResult[]>();
  for (const result of results.cases) {
    if (result.profile === 'c' || result.profile === 'd') {
      const sizeBytes = parseSize(result.name.split(',')[0] ?? '');
      bySize.set(sizeBytes, [...(bySize.get(sizeBytes) ?? []), result]);
    }
  }
  return [...bySize]
    .map(([sizeBytes, cases]) => {
      const runs = ['c', 'd'].flatMap((profile) => runsOf(cases, server, profile));
      return { sizeBytes, seconds: (total(runs, 'cpuSeconds') / total(runs, 'bytes')) * sizeBytes };
    })
    .filter(({ seconds }) => Number.isFinite(seconds))
    .sort((one, other) => one.sizeBytes - other.sizeBytes);
}

/** `points` by size, the first at 0. */
function between(points: readonly [Point, ...Point[]], sizeBytes: number): number {
  let [below] = points;
  for (const point of points) {
    if (point.sizeBytes >= sizeBytes) {
      const way = (sizeBytes - below.sizeBytes) / (point.sizeBytes - below.sizeBytes || 1);
      return below.seconds + way * (point.seconds - below.seconds);
    }
    below = point;
  }
  return (below.seconds / below.sizeBytes) * sizeBytes;
}

function runsOf(cases: readonly CaseResult[], server: string, profile: string): readonly Run[] {
  return cases
    .filter((each) => each.profile === profile)
    .flatMap((each) => each.servers.filter((own) => own.server === server))
    .flatMap((own) => own.runs);
}

function total(runs: readonly Run[], field: 'count' | 'bytes' | 'cpuSeconds'): number {
  return runs.reduce((sum, run) => sum + run[field], 0);
}
