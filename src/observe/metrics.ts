/**
 * Every metric of the registry: names, types, labels and buckets of Distribution (`registry_*`), and ours
 * (`longshore_*`). Rooms call the typed methods; the debug server prints. Labels are bounded: no repository, tag,
 * client or user ever becomes one.
 */

import { collectDefaultMetrics, type Metric, Registry } from 'prom-client';
import {
  type HistogramCell,
  HistogramFamily,
  one,
  type PrintableFamily,
  ReadFamily,
  type Sample,
} from './metric-families.ts';
import { proxyFamilies, type ReadSources, readFamilies } from './read-metrics.ts';
import { RequestMetrics } from './request-metrics.ts';

/** The driver calls that are timed, under Distribution's names. */
export type StorageAction =
  | 'GetContent'
  | 'PutContent'
  | 'Stat'
  | 'List'
  | 'Move'
  | 'Delete'
  | 'RedirectURL';

export type CacheOperation = 'Stat' | 'SetDescriptor' | 'RepoStat' | 'RepoSetDescriptor';

/**
 * What the rooms may tell.
 *
 * Every method is cheap, never throws and may be called from any place on the main thread. `handler` is a route's
 * name from the route table (base, manifest, catalog, tags, blob, blob_upload, blob_upload_chunk, …), never a path.
 */
export interface Metrics {
  readonly isOn: boolean;
  requestStarted(handler: string): void;
  /** Exactly once for each `requestStarted`. `method` in upper case, as sent. */
  requestFinished(
    handler: string,
    method: string,
    status: number,
    seconds: number,
    requestBytes: number,
    responseBytes: number,
  ): void;
  storageAction(driver: string, action: StorageAction, seconds: number): void;
  /** A lookup in the descriptor cache; then `cacheHit`, `cacheError` or neither (a miss). */
  cacheRequest(): void;
  cacheHit(): void;
  cacheError(): void;
  /** Redis only. */
  cacheOperation(operation: CacheOperation, seconds: number): void;
  uploadOpened(): void;
  uploadClosed(): void;
  /** Hands in where to read the state of other parts; a part that is absent prints nothing. May be called again. */
  watch(sources: ReadSources): void;
}

/** Metrics that can be printed, for the debug server. */
export interface MetricsPage extends Metrics {
  readonly contentType: string;
  /** The whole page in Prometheus' text format. */
  text(): Promise<string>;
  /** Names of every family, used or not; tests hold dashboards and alerts against them. */
  names(): readonly string[];
}

const defaultBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Makes the real ones. Each call has a registry of its own; process metrics of Node are included. */
export function createMetrics(): MetricsPage {
  return new PromMetrics();
}

class PromMetrics implements MetricsPage {
  readonly isOn = true;
  readonly #registry = new Registry();
  readonly #requests = new RequestMetrics();
  readonly #families: readonly PrintableFamily[];
  readonly #storage = new HistogramFamily(
    'registry_storage_action_seconds',
    'Time of calls to the storage driver',
    ['driver', 'action'],
    defaultBounds,
  );
  readonly #storageCells = new Map<string, Map<StorageAction, HistogramCell>>();
  readonly #redis = new HistogramFamily(
    'registry_storage_cache_redis_seconds',
    'Time of operations of the Redis descriptor cache',
    ['operation'],
    defaultBounds,
  );
  #cacheRequests = 0;
  #cacheHits = 0;
  #cacheErrors = 0;
  #openUploads = 0;
  #sources: ReadSources = {};

  constructor() {
    const sources = (): ReadSources => this.#sources;
    this.#families = [
      ...this.#requests.families,
      this.#storage,
      this.#redis,
      number('counter', 'registry_storage_cache_requests_total', 'Descriptor cache lookups', () =>
        one(this.#cacheRequests),
      ),
      number('counter', 'registry_storage_cache_hits_total', 'Descriptor cache hits', () =>
        one(this.#cacheHits),
      ),
      number('counter', 'registry_storage_cache_errors_total', 'Descriptor cache errors', () =>
        one(this.#cacheErrors),
      ),
      number('gauge', 'longshore_uploads_open', 'Request bodies of blobs being received', () =>
        one(this.#openUploads),
      ),
      ...readFamilies(sources),
      ...proxyFamilies(sources),
    ];
    collectDefaultMetrics({ register: this.#registry });
    for (const family of this.#families) {
      // Registry asks a metric for no more than PrintableFamily; its type names prom-client's own classes.
      this.#registry.registerMetric(family as unknown as Metric<string>);
    }
  }

  requestStarted(handler: string): void {
    this.#requests.started(handler);
  }

  requestFinished(
    handler: string,
    method: string,
    status: number,
    seconds: number,
    requestBytes: number,
    responseBytes: number,
  ): void {
    this.#requests.finished(handler, method, status, seconds, requestBytes, responseBytes);
  }

  storageAction(driver: string, action: StorageAction, seconds: number): void {
    let actions = this.#storageCells.get(driver);
    if (actions === undefined) {
      actions = new Map();
      this.#storageCells.set(driver, actions);
    }
    let cell = actions.get(action);
    if (cell === undefined) {
      cell = this.#storage.cell(driver, action);
      actions.set(action, cell);
    }
    cell.observe(seconds);
  }

  cacheRequest(): void {
    this.#cacheRequests += 1;
  }

  cacheHit(): void {
    this.#cacheHits += 1;
  }

  cacheError(): void {
    this.#cacheErrors += 1;
  }

  cacheOperation(operation: CacheOperation, seconds: number): void {
    this.#redis.cell(operation).observe(seconds);
  }

  uploadOpened(): void {
    this.#openUploads += 1;
  }

  uploadClosed(): void {
    this.#openUploads -= 1;
  }

  watch(sources: ReadSources): void {
    this.#sources = { ...this.#sources, ...sources };
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  names(): readonly string[] {
    return this.#registry.getMetricsAsArray().map((metric) => (metric as { name: string }).name);
  }

  async text(): Promise<string> {
    // As Go's client does: a family with labels prints nothing, not even its help line, until it is first used.
    const empty = new Set(
      this.#families.filter((family) => family.isEmpty).map(({ name }) => name),
    );
    const printed = this.names().filter((name) => !empty.has(name));
    const parts = await Promise.all(
      printed.map((name) => this.#registry.getSingleMetricAsString(name)),
    );
    return `${parts.join('\n\n')}\n`;
  }
}

function number(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  read: () => readonly Sample[],
): PrintableFamily {
  return new ReadFamily(type, name, help, read);
}
