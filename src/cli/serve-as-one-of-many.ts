/**
 * A process that a supervisor started: serves with the configuration it is handed, changed where several processes
 * must differ or agree, and takes orders instead of waiting for signals. Without its supervisor it drains and ends.
 */

import cluster from 'node:cluster';
import { availableParallelism } from 'node:os';
import { type Registry, startFailure, startRegistry } from '../compose.ts';
import { parseConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { Secret } from '../options/secret.ts';
import type { Order, Report, StartOrder } from './process-orders.ts';
import { logWhatNobodyCaught, type ServeRequest } from './serve.ts';
import { startWarnings } from './start-warnings.ts';
import { ExitCode } from './usage.ts';

export async function serveAsOneOfMany(
  makeFrontEnd: ServeRequest['makeFrontEnd'],
): Promise<number> {
  const stopped = stopOrder();
  const order = await Promise.race([startOrder(), stopped]);
  if (order === undefined) {
    return ExitCode.ok;
  }
  if (order.address === undefined) {
    // systemd named the supervisor's process; its socket reaches this one through node:cluster.
    process.env['LISTEN_PID'] = String(process.pid);
  }
  const loaded = parseConfig(order.configText, {
    path: order.configPath,
    strict: order.strict,
    env: process.env,
  });
  if (!loaded.ok) {
    // The supervisor loaded the same text before.
    return ExitCode.failed;
  }
  let registry: Registry;
  try {
    registry = await startRegistry(
      ownConfig(loaded.config, order),
      makeFrontEnd,
      order.showWarnings ? startWarnings(loaded, process.env) : [],
    );
  } catch (error) {
    process.stderr.write(`longshore: ${startFailure(error)}\n`);
    return ExitCode.failed;
  }
  logWhatNobodyCaught(registry.logger);
  const reload = (): void => {
    registry.reload().catch((error: unknown) => {
      registry.logger.error('reload failed', { error });
    });
  };
  process.on('SIGHUP', reload);
  process.on('message', ({ kind }: Order) => {
    if (kind === 'reload') reload();
  });
  report({ kind: 'listening', address: registry.address.text });
  await stopped;
  return (await registry.stop()) ? ExitCode.ok : ExitCode.failed;
}

function startOrder(): Promise<StartOrder> {
  return new Promise((resolve) => {
    process.on('message', (order: Order) => {
      if (order.kind === 'start') resolve(order);
    });
    report({ kind: 'ready' });
  });
}

function report(message: Report): void {
  process.send?.(message);
}

/** The file's configuration with what the processes share, and less of what one of them does for all. */
export function ownConfig(config: Config, order: StartOrder): Config {
  const { http, storage, workers } = config;
  const { uploadpurging } = storage.maintenance;
  return {
    ...config,
    http: {
      ...http,
      processes: order.count,
      ...(order.address === undefined ? {} : { addr: order.address }),
      ...(order.httpSecret === undefined ? {} : { secret: new Secret(order.httpSecret) }),
      debug:
        order.debugSocket === undefined ? http.debug : { ...http.debug, addr: order.debugSocket },
    },
    storage: {
      ...storage,
      maintenance: {
        ...storage.maintenance,
        uploadpurging: {
          ...uploadpurging,
          enabled: uploadpurging.enabled && order.number === 1,
        },
      },
    },
    workers: { ...workers, count: workers.count || workersEach(order.count) },
  };
}

/** The cores' worth of workers, dealt out; one at least, so that hashing never stops requests. */
function workersEach(processes: number): number {
  return Math.max(1, Math.min(16, Math.ceil(availableParallelism() / processes)));
}

/**
 * Resolves at the first order or signal to stop, or when the supervisor is gone. Further signals change nothing: a
 * service manager signals every process of the group, and then the supervisor passes the same one on.
 */
function stopOrder(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => resolve());
    }
    process.on('message', ({ kind }: Order) => {
      if (kind === 'stop') resolve();
    });
    cluster.worker?.on('disconnect', () => {
      // Otherwise node:cluster ends the process on the spot, and running requests with it.
      if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
      resolve();
    });
  });
}
