/**
 * From measured CPU seconds to cores: "N pushes/s of images like X need M cores". Pure. It counts CPU alone: what storage
 * must take is said beside it, and what one process reaches.
 */

import { number } from './format.ts';
import { imageSeconds, pushCost } from './push-cost.ts';
import { oursOf, type Results } from './results.ts';
import { summarizeAll } from './summary.ts';

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

/** Cores are filled to this share, so that peaks do not queue. */
export const plannedBusyShare = 0.7;
/** Our syncs of a blob, and of an image's manifest, tag and `_uploads`: docs/performance.md, Against them. */
const syncsOfBlob = 6;
const syncsOfManifest = 11;
const mib = 1024 ** 2;

/** What the report and `npm run bench` plan without being asked. */
export const usualLoads: readonly PushLoad[] = [
  { pushesPerSecond: 50, layers: 5, layerBytes: mib / 16 },
  { pushesPerSecond: 500, layers: 5, layerBytes: mib / 16 },
  { pushesPerSecond: 20, layers: 5, layerBytes: 4 * mib },
  { pushesPerSecond: 5, layers: 8, layerBytes: 64 * mib },
];

/** Why nothing can be planned by these results, `undefined` when it can. */
export function whyNoPlan(results: Results): string | undefined {
  if (results.isQuick) {
    return 'taken with --quick, whose figures are no measure';
  }
  return pushCost(results, oursOf(results)) === undefined
    ? `runs of ${oursOf(results)} in profiles a and c (or d) are needed`
    : undefined;
}

/** One plan for each server whose costs are known. */
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
    const cpuSecondsPerImage = imageSeconds(cost, load.layers, load.layerBytes);
    const cores = (cpuSecondsPerImage * load.pushesPerSecond) / busyShare;
    return [{ server: name, cpuSecondsPerImage, cores }];
  });
}

/** Empty where nothing can be planned. */
export function planText(results: Results, loads: readonly PushLoad[] = usualLoads): string {
  if (whyNoPlan(results) !== undefined) {
    return '';
  }
  const lines = [
    `Cores for a load, filled to ${plannedBusyShare * 100} %:`,
    ...loads.map((load) => `  ${planLine(results, load)}`),
    ...boundTexts(results),
  ];
  return `${lines.join('\n')}\n`;
}

/** `500 pushes/s of 5 x 64 KiB` */
export function loadName({ pushesPerSecond, layers, layerBytes }: PushLoad): string {
  const kib = layerBytes / 1024;
  const size = kib < 1024 ? `${number(kib)} KiB` : `${number(kib / 1024)} MiB`;
  return `${pushesPerSecond} pushes/s of images of ${layers} x ${size}`;
}

/** Bytes a second that the load asks of the storage below, and syncs a second of a disk. */
export function storageText({ pushesPerSecond, layers, layerBytes }: PushLoad): string {
  const bytes = number((pushesPerSecond * layers * layerBytes) / mib);
  const syncs = number(pushesPerSecond * syncsOf(layers));
  return `storage takes ${bytes} MiB/s and ${syncs} syncs/s`;
}

/** What bounds a load besides cores: the disk's syncs, and what one process does. */
export function boundTexts(results: Results): readonly string[] {
  const [ours] = results.servers;
  const best = Math.max(
    0,
    ...summarizeAll(results)
      .filter(({ profile }) => profile === 'a')
      .flatMap(({ servers }) => servers.filter(({ server }) => server === ours?.name))
      .map(({ rate }) => rate.median),
  );
  return [
    `Syncs are those of ${ours?.name} on a disk, ${syncsOf(5)} for an image of five layers (15 with storage.filesystem.dirsync: none). A disk takes so many and no more: some 4,000 to 6,000 a second that of docs/performance.md; npm run bench:limits measures yours.`,
    `One process of ${ours?.name} reached ${number(best)} images/s of profile (a) here, on ${results.machine.storage}: for more, set http.processes or run several instances.`,
  ];
}

/** Layers and config are blobs. */
function syncsOf(layers: number): number {
  return syncsOfBlob * (layers + 1) + syncsOfManifest;
}

function planLine(results: Results, load: PushLoad): string {
  const needs = planFor(results, load).map(
    ({ server, cores }) => `${server} ${number(cores)} cores`,
  );
  return `${loadName(load)} need: ${needs.join(', ')} (${storageText(load)})`;
}
