/** The few statistics that runs need; pure. Lists may come in any order and are left as they are. */

export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  /** Half of the distance from the lowest to the highest run, as a share of the median. */
  readonly relative: number;
}

/** The value below which a share `q` of the values lies, interpolated; `NaN` of an empty list. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).sort();
  const place = (sorted.length - 1) * q;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Of a handful of runs: all of them are kept, so the ends are the lowest and the highest. */
export function spreadOf(values: readonly number[]): Spread {
  const middle = median(values);
  const low = quantile(values, 0);
  const high = quantile(values, 1);
  return { median: middle, low, high, relative: middle === 0 ? 0 : (high - low) / 2 / middle };
}

/**
 * Ratio of ours to theirs. Runs were interleaved, so run i of both met the same state of the machine: the ends are the
 * lowest and highest of these pairs; the middle is the ratio of medians.
 */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Spread {
  const pairs: number[] = [];
  for (const [index, value] of ours.entries()) {
    const other = theirs[index];
    if (other !== undefined && other > 0) {
      pairs.push(value / other);
    }
  }
  const middle = median(ours) / median(theirs);
  const low = Math.min(middle, quantile(pairs, 0));
  const high = Math.max(middle, quantile(pairs, 1));
  return { median: middle, low, high, relative: (high - low) / 2 / middle };
}
