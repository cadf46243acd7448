/**
 * Counters and histograms as plain numbers in arrays, printed through prom-client's Registry.
 * prom-client's own children check and hash their labels at each call (about 1 µs, bench/metrics.ts); the hot path of
 * a small GET has room for a tenth of that. metrics.ts builds every family; nothing here knows a metric's name.
 */

/** One printed line: labels and a number. */
export interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName?: string;
}

/** What Registry.registerMetric needs of a metric to print it. */
export interface PrintableFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly isEmpty: boolean;
  get(): Promise<object>;
}

/** Label sets beyond this share one cell whose labels all read `other`, so that no caller can grow a family without end. */
const maxCells = 1000;
const overflowLabel = 'other';

/** Counts of one label set. Keep the object: a lookup per observation is what this file avoids. */
export class HistogramCell {
  readonly bounds: readonly number[];
  /** One per bound, then one for everything above. Not cumulative; made so when printed. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let index = 0;
    while (index < bounds.length && value > (bounds[index] as number)) {
      index += 1;
    }
    counts[index] = (counts[index] as number) + 1;
    this.sum += value;
  }
}

/** A histogram with labels. */
export class HistogramFamily implements PrintableFamily {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly bounds: readonly number[];
  readonly #labelNames: readonly string[];
  readonly #cells = new Map<string, { labels: Record<string, string>; cell: HistogramCell }>();

  constructor(
    name: string,
    help: string,
    labelNames: readonly string[],
    bounds: readonly number[],
  ) {
    this.name = name;
    this.help = help;
    this.bounds = bounds;
    this.#labelNames = labelNames;
  }

  get isEmpty(): boolean {
    return this.#cells.size === 0;
  }

  /** The cell of a label set, made at the first call. Values in the order of the label names. */
  cell(...values: readonly string[]): HistogramCell {
    const known = this.#cells.get(values.join('\n'));
    if (known !== undefined) {
      return known.cell;
    }
    const kept = this.#cells.size < maxCells ? values : this.#labelNames.map(() => overflowLabel);
    const key = kept.join('\n');
    let entry = this.#cells.get(key);
    if (entry === undefined) {
      entry = {
        labels: Object.fromEntries(this.#labelNames.map((name, at) => [name, kept[at] ?? ''])),
        cell: new HistogramCell(this.bounds),
      };
      this.#cells.set(key, entry);
    }
    return entry.cell;
  }

  get(): Promise<object> {
    const values: Sample[] = [];
    for (const { labels, cell } of this.#cells.values()) {
      let total = 0;
      cell.counts.forEach((count, at) => {
        total += count;
        const le = this.bounds[at] ?? '+Inf';
        values.push({ metricName: `${this.name}_bucket`, labels: { le, ...labels }, value: total });
      });
      values.push({ metricName: `${this.name}_sum`, labels, value: cell.sum });
      values.push({ metricName: `${this.name}_count`, labels, value: total });
    }
    return Promise.resolve({ name: this.name, help: this.help, type: this.type, values });
  }
}

/** A counter or gauge whose numbers live elsewhere and are read when someone asks for them. */
export class ReadFamily implements PrintableFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly #read: () => readonly Sample[];

  constructor(
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    read: () => readonly Sample[],
  ) {
    this.type = type;
    this.name = name;
    this.help = help;
    this.#read = read;
  }

  get isEmpty(): boolean {
    return this.#read().length === 0;
  }

  get(): Promise<object> {
    const values = this.#read();
    return Promise.resolve({ name: this.name, help: this.help, type: this.type, values });
  }
}

/** A single number without labels, as a sample list. */
export function one(value: number): readonly Sample[] {
  return [{ labels: {}, value }];
}
