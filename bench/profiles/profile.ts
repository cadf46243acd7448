/**
 * What a profile is: a question asked of each server, in one or more cases. A profile runs in the load process; only
 * `prepareRoot` is called by the suite, before the servers start.
 */

import type { Measurement } from '../load/measurement.ts';
import type { RateClient } from '../load/request-rate.ts';

/** Layers of the image that profile (a) pushes; the plan counts on it. */
export const ciLayers = 5;

export interface Profile {
  readonly id: string;
  readonly title: string;
  /** What it tells an operator, in a line. */
  readonly question: string;
  /** About how long it takes at default sizes, three runs, two servers. */
  readonly minutes: number;
  /**
   * Of profiles that push gigabytes: how much a run stores at most. It is cut to nothing after the run, and so much
   * memory is touched before it.
   */
  readonly fillsBytes?: number;
  /** Fills a storage root with Distribution's tree, where pushing all of it would take minutes. */
  prepareRoot?(root: string, scale: Scale): Promise<void>;
  /** Pushes what the cases need to one server, and gives the cases bound to it. */
  open(target: Target): Promise<readonly Case[]>;
}

export interface Case {
  readonly name: string;
  readonly unit: Unit;
  /** Brings about what each run needs, at a cost that is not the run's. */
  prepare?(): Promise<void>;
  run(seconds: number): Promise<Measurement>;
  /** Ends what `prepare` brought about, after the run or in its place. */
  end?(): void;
}

export type Unit = 'images/s' | 'MiB/s' | 'requests/s' | 'pushes/s' | 'operations/s';

/** A server to load. */
export interface Target {
  readonly port: number;
  /** Of the server, for profiles that tell how much it grew. */
  readonly pid: number;
  readonly scale: Scale;
  readonly rateClient: RateClient;
}

/** Sizes and counts, so that a smoke run asks the same questions of less data. */
export interface Scale {
  readonly layerBytes: number;
  readonly middleBytes: number;
  readonly largeBytes: number;
  readonly hugeBytes: number;
  readonly chunkBytes: number;
  readonly entries: number;
  readonly idleConnections: number;
  readonly seededImages: number;
}
