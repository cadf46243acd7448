/** `longshore serve`: load the configuration, start, wait for a signal, stop. With several processes: supervise.ts. */

import { availableParallelism } from 'node:os';
import { type FrontEndParts, type Registry, startFailure, startRegistry } from '../compose.ts';
import { formatFaults } from '../config/faults.ts';
import { loadConfig } from '../config/load.ts';
import type { FrontEnd } from '../http/exchange.ts';
import type { Logger } from '../observe/logger.ts';
import { startWarnings } from './start-warnings.ts';
import { supervise } from './supervise.ts';
import { ExitCode } from './usage.ts';

export interface ServeRequest {
  readonly path: string | undefined;
  readonly strict: boolean;
  readonly makeFrontEnd: (parts: FrontEndParts) => Promise<FrontEnd>;
}

/** Resolves with the exit code once the registry has stopped, or could not start. */
export async function serve(request: ServeRequest): Promise<number> {
  const loaded = await loadConfig({ path: request.path, strict: request.strict, env: process.env });
  if (!loaded.ok) {
    process.stderr.write(`${formatFaults(loaded)}\n`);
    return ExitCode.failed;
  }
  const { config } = loaded;
  const processes = config.http.processes || availableParallelism();
  if (processes > 1) {
    return supervise({
      config,
      configPath: loaded.path,
      configText: loaded.text,
      strict: request.strict,
      count: processes,
    });
  }
  const startedUp = endAtOnceOnSignal();
  let registry: Registry;
  try {
    registry = await startRegistry(
      { ...config, http: { ...config.http, processes } },
      request.makeFrontEnd,
      startWarnings(loaded, process.env),
    );
  } catch (error) {
    process.stderr.write(`longshore: ${startFailure(error)}\n`);
    return ExitCode.failed;
  }
  logWhatNobodyCaught(registry.logger);
  process.on('SIGHUP', () => {
    registry.reload().catch((error: unknown) => {
      registry.logger.error('reload failed', { error });
    });
  });
  const stopping = stopSignal();
  startedUp();
  await stopping;
  // A second signal means: now.
  endAtOnceOnSignal();
  return (await registry.stop()) ? ExitCode.ok : ExitCode.failed;
}

/**
 * As Distribution's panic trap: one broken request is logged at `panic` (mail hooks listen for it) and the others go
 * on. State is in storage and each request has its own, so there is nothing shared to be left half-changed.
 */
export function logWhatNobodyCaught(logger: Logger): void {
  process.on('uncaughtException', (error) => logger.log('panic', 'uncaught exception', { error }));
  process.on('unhandledRejection', (error) =>
    logger.log('panic', 'unhandled rejection', { error }),
  );
}

const stopSignals = ['SIGINT', 'SIGTERM'] as const;

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of stopSignals) {
      process.once(signal, () => resolve());
    }
  });
}

/**
 * While nothing is served there is nothing to drain: a start that waits for a storage service must end when asked.
 * Without a handler the first process of a container would not even notice. Gives what takes the handlers off.
 */
function endAtOnceOnSignal(): () => void {
  const end = (): void => process.exit(ExitCode.failed);
  for (const signal of stopSignals) {
    process.once(signal, end);
  }
  return () => {
    for (const signal of stopSignals) {
      process.off(signal, end);
    }
  };
}
