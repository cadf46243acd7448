/**
 * Metrics whose numbers other parts keep anyway: workers, notifications, health checks, proxy. They are read when the
 * page is asked for, through functions that compose hands in, so those parts know nothing of metrics.
 */

import { one, type PrintableFamily, ReadFamily, type Sample } from './metric-families.ts';
import type { ProxyCounts } from './proxy-stats.ts';

/** A moment of the worker pool. */
export interface WorkerState {
  readonly threads: number;
  /** Jobs on a worker now. */
  readonly runningJobs: number;
  /** Jobs waiting for a worker. */
  readonly queuedJobs: number;
  readonly queueLimit: number;
  /** 0 to 1: share of the workers' time spent in jobs since start. */
  readonly utilization: number;
  /** Threads that ended although nobody stopped them, since start: those of uploads, and the storage thread. */
  readonly deaths: { readonly upload: number; readonly storage: number };
}

/** Counts of one notification endpoint since start. */
export interface EndpointState {
  readonly name: string;
  /** Queued events, the one being sent included. */
  readonly pendingEvents: number;
  readonly pendingBytes: number;
  /** Age of the oldest pending event; 0 when there is none. */
  readonly oldestPendingSeconds: number;
  readonly events: number;
  readonly successes: number;
  readonly failures: number;
  readonly errors: number;
  /** By `200 OK` and the like. */
  readonly statuses: ReadonlyMap<string, number>;
  /** Events given up because the queue was full: kept in a dead-letter file. */
  readonly deadLetters: number;
  /** Events given up and not kept: no spool, or the dead-letter folder is full or fails. */
  readonly lostEvents: number;
}

export interface SpoolState {
  readonly segmentBytes: number;
  readonly deadLetterBytes: number;
  readonly writeErrors: number;
}

/** Where to read; each is called once or more per printed page. */
export interface ReadSources {
  readonly workers?: () => WorkerState;
  readonly endpoints?: () => readonly EndpointState[];
  /** `undefined` while notifications run without a spool. */
  readonly spool?: () => SpoolState | undefined;
  readonly healthChecks?: () => readonly { readonly name: string; readonly isFailing: boolean }[];
  readonly proxy?: () => { readonly blob: ProxyCounts; readonly manifest: ProxyCounts };
}

const attemptTypes = [
  ['Events', 'events'],
  ['Successes', 'successes'],
  ['Failures', 'failures'],
  ['Errors', 'errors'],
] as const;

export function readFamilies(sources: () => ReadSources): readonly PrintableFamily[] {
  return [
    ...workerFamilies(sources),
    ...notificationFamilies(sources),
    ...spoolFamilies(sources),
    new ReadFamily(
      'gauge',
      'longshore_health_check_failing',
      '1 while a health check is over its threshold',
      () =>
        (sources().healthChecks?.() ?? []).map(({ name, isFailing }) => ({
          labels: { check: name },
          value: isFailing ? 1 : 0,
        })),
    ),
  ];
}

function workerFamilies(sources: () => ReadSources): readonly PrintableFamily[] {
  const gauge = (
    name: string,
    help: string,
    pick: (state: WorkerState) => number,
  ): PrintableFamily =>
    new ReadFamily('gauge', name, help, () => {
      const state = sources().workers?.();
      return state === undefined ? [] : one(pick(state));
    });
  return [
    gauge('longshore_worker_threads', 'Worker threads', (state) => state.threads),
    gauge('longshore_worker_running_jobs', 'Jobs on a worker', (state) => state.runningJobs),
    gauge('longshore_worker_queued_jobs', 'Jobs waiting for one', (state) => state.queuedJobs),
    gauge('longshore_worker_queue_limit', 'Bound of the queue', (state) => state.queueLimit),
    gauge(
      'longshore_worker_utilization_ratio',
      'Share of the time of the workers spent in jobs',
      (state) => state.utilization,
    ),
    new ReadFamily(
      'counter',
      'longshore_worker_deaths_total',
      'Threads that ended although nobody stopped them; another took over',
      () => {
        const deaths = sources().workers?.().deaths;
        return deaths === undefined
          ? []
          : (['upload', 'storage'] as const).map((thread) => ({
              labels: { thread },
              value: deaths[thread],
            }));
      },
    ),
  ];
}

function notificationFamilies(sources: () => ReadSources): readonly PrintableFamily[] {
  const family = (
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    samples: (state: EndpointState) => readonly Sample[],
  ): PrintableFamily =>
    new ReadFamily(type, name, help, () => (sources().endpoints?.() ?? []).flatMap(samples));
  const perEndpoint = (
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    pick: (state: EndpointState) => number,
  ): PrintableFamily =>
    family(type, name, help, (state) => [{ labels: { endpoint: state.name }, value: pick(state) }]);
  return [
    family(
      'counter',
      'registry_notifications_events_total',
      'Events queued, and outcomes of attempts to deliver them',
      (state) =>
        attemptTypes.map(([type, key]) => ({
          labels: { type, endpoint: state.name },
          value: state[key],
        })),
    ),
    perEndpoint(
      'gauge',
      'registry_notifications_pending_total',
      'Events not delivered yet',
      (state) => state.pendingEvents,
    ),
    family(
      'counter',
      'registry_notifications_status_total',
      'Answers of endpoints by status',
      (state) =>
        [...state.statuses].map(([code, value]) => ({
          labels: { code, endpoint: state.name },
          value,
        })),
    ),
    perEndpoint(
      'gauge',
      'longshore_notifications_pending_bytes',
      'Bytes of events not delivered yet',
      (state) => state.pendingBytes,
    ),
    perEndpoint(
      'gauge',
      'longshore_notifications_oldest_pending_seconds',
      'Age of the oldest event not delivered yet',
      (state) => state.oldestPendingSeconds,
    ),
    perEndpoint(
      'counter',
      'longshore_notifications_dead_letters_total',
      'Events moved to a dead-letter file: the queue was full, or the endpoint is configured no more',
      (state) => state.deadLetters,
    ),
    perEndpoint(
      'counter',
      'longshore_notifications_lost_events_total',
      'Events given up that no file holds',
      (state) => state.lostEvents,
    ),
  ];
}

function spoolFamilies(sources: () => ReadSources): readonly PrintableFamily[] {
  const family = (
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    pick: (state: SpoolState) => number,
  ): PrintableFamily =>
    new ReadFamily(type, name, help, () => {
      const state = sources().spool?.();
      return state === undefined ? [] : one(pick(state));
    });
  return [
    family(
      'gauge',
      'longshore_notifications_spool_bytes',
      'Bytes of spooled events on disk',
      (state) => state.segmentBytes,
    ),
    family(
      'gauge',
      'longshore_notifications_dead_letter_bytes',
      'Bytes of dead letters on disk',
      (state) => state.deadLetterBytes,
    ),
    family(
      'counter',
      'longshore_notifications_spool_errors_total',
      'Writes to the spool that failed: their events are in memory only',
      (state) => state.writeErrors,
    ),
  ];
}

/** Both types print from the start, at 0. */
export function proxyFamilies(sources: () => ReadSources): readonly PrintableFamily[] {
  const counter = (name: string, help: string, key: keyof ProxyCounts): PrintableFamily =>
    new ReadFamily('counter', name, help, () => {
      const counts = sources().proxy?.();
      return (['blob', 'manifest'] as const).map((type) => ({
        labels: { type },
        value: counts?.[type][key] ?? 0,
      }));
    });
  return [
    counter('registry_proxy_requests_total', 'Requests served to clients', 'Requests'),
    counter('registry_proxy_hits_total', 'Requests served from here', 'Hits'),
    counter('registry_proxy_misses_total', 'Requests served from upstream', 'Misses'),
    counter('registry_proxy_pulled_bytes_total', 'Bytes from upstream', 'BytesPulled'),
    counter('registry_proxy_pushed_bytes_total', 'Bytes to clients', 'BytesPushed'),
  ];
}
