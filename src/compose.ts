import { hostname } from 'node:os';
import type { AccessController } from './auth/access.ts';
import { createAccessController } from './auth/create-access-controller.ts';
import { createCache, redisVars } from './compose-cache.ts';
import {
  apiSettings,
  chosenDriver,
  optionsByThread,
  registrySettings,
} from './compose-settings.ts';
import type { Config } from './config/schema.ts';
import { CodedError, errorText } from './errors.ts';
import { createBufferPool } from './http/buffer-pool.ts';
import type { Api } from './http/call.ts';
import { Dispatcher } from './http/dispatch.ts';
import type {
  BoundAddress,
  BufferPool,
  FrontEnd,
  FrontEndLimits,
  RequestHandler,
} from './http/exchange.ts';
import { activatedAddress, parseListenAddress } from './http/listen-address.ts';
import { createRequestObserver } from './http/request-observer.ts';
import { Notifications } from './notifications/notifications.ts';
import { createLogging, type Logging } from './observe/create-logging.ts';
import { DebugServer } from './observe/debug-server.ts';
import { Health } from './observe/health.ts';
import { healthChecks } from './observe/health-checks.ts';
import type { Logger } from './observe/logger.ts';
import type { Metrics, MetricsPage } from './observe/metrics.ts';
import { noMetrics } from './observe/no-metrics.ts';
import { RequestClock } from './observe/phases.ts';
import { ProxyStats } from './observe/proxy-stats.ts';
import type { WorkerState } from './observe/read-metrics.ts';
import { createTracer } from './observe/tracing.ts';
import { uuidV7 } from './observe/uuid.ts';
import { PasswordPool } from './pool/password-pool.ts';
import { StorageThread } from './pool/storage-thread.ts';
import { threadedBodyStore, threadedDriver } from './pool/threaded-driver.ts';
import { WorkerPool } from './pool/worker-pool.ts';
import { createCaches } from './registry/caches.ts';
import type { RegistryContext } from './registry/context.ts';
import type { DescriptorCache } from './registry/descriptor-cache.ts';
import { UploadPurger } from './registry/purge-uploads.ts';
import { UploadSessions } from './registry/upload-session.ts';
import { inlineBodyStore } from './storage/body-store.ts';
import { countedBodyStore } from './storage/counted-body-store.ts';
import type { OpenUploads, StorageDriver } from './storage/driver.ts';
import { createDriver, portableDriver } from './storage/drivers/table.ts';
import { wrapWithMiddleware } from './storage/middleware/table.ts';
import { splitBodyStore } from './storage/split-body-store.ts';
import { checked } from './storage/wrap/checked.ts';
import { phased, phasedBodyStore } from './storage/wrap/phased.ts';
import { timed } from './storage/wrap/timed.ts';
import { traced } from './storage/wrap/traced.ts';
import { version } from './version.ts';

/** What a front end is made of; see http/exchange.ts. */
export interface FrontEndParts {
  readonly config: Config;
  readonly handler: RequestHandler;
  readonly limits: FrontEndLimits;
  readonly pool: BufferPool;
  readonly logger: Logger;
}

export interface Registry {
  /** For the start line and tests. */
  readonly address: BoundAddress;
  readonly logger: Logger;
  /** Re-reads what can be re-read (SIGHUP). */
  reload(): Promise<void>;
  /** Drains, then stops everything in reverse order. True when no request had to be cut. */
  stop(): Promise<boolean>;
}

/** Time for running requests on SIGTERM when `http.draintimeout` is absent. */
const defaultDrainMs = 10_000;
/** Time for pending notifications at the end; with a spool the rest goes out after the next start. */
const notificationGraceMs = 2_000;

type Undo = () => Promise<void> | void;

/**
 * Starts a registry.
 *
 * @throws CodedError with a message for the operator, when a part cannot start; what had started is stopped again
 */
export async function startRegistry(
  config: Config,
  makeFrontEnd: (parts: FrontEndParts) => Promise<FrontEnd>,
  warnings: readonly string[] = [],
): Promise<Registry> {
  const logging = createLogging(config.log, {
    version,
    sharesOutput: config.http.processes !== 1,
  });
  const undo: Undo[] = [() => logging.close()];
  try {
    for (const warning of warnings) {
      logging.logger.warn(warning);
    }
    return await start(config, makeFrontEnd, logging, undo);
  } catch (error) {
    await undoAll(undo, logging.logger);
    throw error;
  }
}

async function start(
  config: Config,
  makeFrontEnd: (parts: FrontEndParts) => Promise<FrontEnd>,
  logging: Logging,
  undo: Undo[],
): Promise<Registry> {
  const { logger } = logging;
  const page = config.http.debug.prometheus.enabled ? await makeMetrics() : undefined;
  const metrics: Metrics = page ?? noMetrics;
  const tracer = await createTracer({ version, logger });
  undo.push(() => tracer.stop());
  const { driverName } = chosenDriver(config);
  const options = optionsByThread(config);
  const raw = await createDriver(driverName, options.main, logger);
  undo.push(() => raw.close());
  const workers = new WorkerPool(config.workers, portableDriver(driverName, options.worker));
  undo.push(() => workers.close());
  const thread =
    driverName === 'filesystem'
      ? new StorageThread(portableDriver(driverName, options.storageThread), raw.name, logger)
      : undefined;
  undo.push(() => thread?.close());
  const placed = thread === undefined ? raw : threadedDriver(raw, thread);
  const observed = metrics.isOn
    ? timed(placed, (action, seconds) => metrics.storageAction(raw.name, action, seconds))
    : placed;
  const { requestLog } = logging;
  const clock = requestLog.wantsPhases ? new RequestClock() : undefined;
  const clocked = clock === undefined ? observed : phased(observed, clock);
  const { s3 } = config.storage;
  const middleware = await wrapWithMiddleware(traced(clocked, tracer), config.middleware.storage, {
    logger,
    ...(s3 === undefined ? {} : { s3Root: s3.rootdirectory }),
  });
  undo.push(() => middleware.stop());
  const driver = checked(middleware.driver);
  const cache = await createCache(config, metrics, logger);
  undo.push(() => cache.close());

  const registry = createContext(config, {
    driver,
    workers,
    thread,
    openUploads: raw.openUploads,
    descriptors: cache.descriptors,
    metrics,
    clock,
    logger,
  });
  const uploads = new UploadSessions(registry);
  undo.push(() => uploads.settle());

  const notifications = new Notifications(config.notifications, {
    source: { addr: sourceAddress(config), instanceID: logging.instanceId },
    ...(config.storage.filesystem === undefined
      ? {}
      : { storageRoot: config.storage.filesystem.rootdirectory }),
    logger,
  });
  await notifications.start();
  undo.push(() => notifications.stop(notificationGraceMs));

  const passwords = new PasswordPool();
  undo.push(() => passwords.close());
  const access = await startAccess(config, passwords, logger);
  undo.push(() => access.stop?.());

  const health = new Health({ logger });
  for (const check of healthChecks(config.health, {
    driverName: raw.name,
    probe: (signal) => probeStorage(driver, signal),
  })) {
    health.add(check);
  }
  void health.start();
  undo.push(() => health.stop());

  const pool = createBufferPool({ maxBuffers: config.http.limits.bodybuffers });
  const proxy = new ProxyStats();
  metrics.watch({
    endpoints: () => notifications.endpointStates(),
    spool: () => notifications.spoolState(),
    healthChecks: () => health.checks(),
    proxy: () => proxy,
    workers: () => workerState(workers, config.workers.queue, thread),
  });
  if (config.http.debug.addr !== undefined) {
    const redis = redisVars(config, cache);
    const debug = new DebugServer({
      health,
      logger,
      vars: {
        notifications: () => notifications.vars(),
        proxy: () => proxy,
        ...(redis === undefined ? {} : { redis }),
        longshore: () => ({
          workers: workers.state,
          storageThread: { pending: thread?.pending ?? 0, died: thread?.died ?? 0 },
          bodyBuffers: { inUse: pool.outstanding, limit: config.http.limits.bodybuffers },
          logs: logging.dropped(),
        }),
      },
      ...(page === undefined
        ? {}
        : { prometheus: { path: config.http.debug.prometheus.path, page } }),
    });
    undo.push(() => debug.close());
    await debug.listen(config.http.debug.addr);
  }
  if (config.storage.maintenance.uploadpurging.enabled) {
    const purger = new UploadPurger(registry, config.storage.maintenance.uploadpurging);
    purger.start();
    undo.push(() => purger.stop());
  }

  const api: Api = {
    registry,
    uploads,
    settings: apiSettings(config, logger),
    tagBodies: new WeakMap(),
    events: notifications,
    wantsEvents: config.notifications.endpoints.some((endpoint) => !endpoint.disabled),
  };
  const dispatcher = new Dispatcher({
    api,
    access,
    logger,
    tracer,
    observer: createRequestObserver({ ...logging, metrics }),
    isUnhealthy: () => !health.isHealthy,
    clock,
  });
  const { limits } = config.http;
  const frontEnd = await makeFrontEnd({
    config,
    handler: dispatcher,
    limits: {
      maxHeaderBytes: limits.headerbytes,
      headerTimeoutMs: limits.headertimeout,
      idleTimeoutMs: limits.idletimeout,
      noProgressTimeoutMs: limits.noprogresstimeout,
      maxConnections: limits.maxconnections,
    },
    pool,
    logger,
  });
  const isShared = config.http.processes !== 1;
  const address = await frontEnd.listen(
    activatedAddress(process.env, process.pid) ?? {
      ...parseListenAddress(config.http.addr ?? '', config.http.net),
      isShared,
    },
  );
  // With several processes the supervisor says it, once.
  logger.log(isShared ? 'debug' : 'info', `listening on ${address.text}`, {
    frontend: frontEnd.name,
    storage: raw.name,
    version,
  });
  const drainMs = config.http.draintimeout ?? defaultDrainMs;
  let wasClean = true;
  undo.push(async () => {
    health.drain();
    logger.info('stopping server gracefully', { 'drain.ms': drainMs });
    const { cut } = await frontEnd.close(drainMs);
    wasClean = cut === 0;
    if (cut > 0) {
      logger.error('drain timeout: running requests were cut', { requests: cut });
    }
  });
  return {
    address,
    logger,
    reload: async () => {
      await Promise.all([access.reload?.(), frontEnd.reload?.()]);
    },
    stop: async () => {
      await undoAll(undo, logger);
      return wasClean;
    },
  };
}

async function makeMetrics(): Promise<MetricsPage> {
  const { createMetrics } = await import('./observe/metrics.ts');
  return createMetrics();
}

/** For the metrics; exported for their test. */
export function workerState(
  workers: WorkerPool,
  queueLimit: number,
  thread: Pick<StorageThread, 'died'> | undefined,
): WorkerState {
  const { died, queued, running, threads, utilization } = workers.state;
  return {
    threads,
    runningJobs: running,
    queuedJobs: queued,
    queueLimit,
    utilization,
    deaths: { upload: died, storage: thread?.died ?? 0 },
  };
}

/** Last started, first stopped; a part that fails to stop does not keep the others from it. */
async function undoAll(undo: Undo[], logger: Logger): Promise<void> {
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) {
    try {
      await step();
    } catch (error) {
      logger.error('a part of the registry did not stop cleanly', { error });
    }
  }
}

function createContext(
  config: Config,
  parts: {
    driver: StorageDriver;
    workers: WorkerPool;
    thread: StorageThread | undefined;
    openUploads: OpenUploads | undefined;
    descriptors: DescriptorCache;
    metrics: Metrics;
    clock: RequestClock | undefined;
    logger: Logger;
  },
): RegistryContext {
  const { clock, descriptors, driver, logger, metrics, openUploads, thread, workers } = parts;
  const inline =
    thread === undefined
      ? inlineBodyStore(driver)
      : threadedBodyStore(thread, workers, openUploads);
  const { smallbody } = config.workers;
  const split = driver.abilities.sharedAcrossThreads
    ? splitBodyStore(inline, workers, smallbody)
    : inline;
  const bodies = clock === undefined ? split : phasedBodyStore(split, clock);
  return {
    driver,
    bodies: metrics.isOn ? countedBodyStore(bodies, metrics) : bodies,
    descriptors,
    ...createCaches(),
    logger,
    options: registrySettings(config, smallbody),
    now: () => Date.now(),
    newId: () => uuidV7(),
  };
}

async function startAccess(
  config: Config,
  passwords: PasswordPool,
  logger: Logger,
): Promise<AccessController> {
  const prefix = config.http.prefix ?? '/';
  const access = createAccessController(config.auth, {
    verifier: passwords,
    logger,
    announce: (line) => process.stdout.write(`${line}\n`),
    ...(config.http.secret === undefined ? {} : { tokenSecret: config.http.secret }),
    tokenPath: `${prefix}auth/token`,
    ...(config.http.host === undefined ? {} : { publicOrigin: config.http.host }),
  });
  await access.start?.();
  return access;
}

/** Distribution's check asks for the root; nothing there yet is healthy too. */
async function probeStorage(driver: StorageDriver, signal: AbortSignal): Promise<void> {
  await driver.stat('/', { signal });
}

/** `source.addr` of events: host name and, if there is one, the port. */
function sourceAddress(config: Config): string {
  const port = /:(\d+)$/.exec(config.http.addr ?? '')?.[1];
  return port === undefined ? hostname() : `${hostname()}:${port}`;
}

/** One line for the operator out of whatever stopped the start. */
export function startFailure(error: unknown): string {
  return error instanceof CodedError ? error.message : `cannot start: ${errorText(error)}`;
}
