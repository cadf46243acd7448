/** What the commands on stored data share: configuration, log and storage opened, and closed again. */

import { startFailure } from '../compose.ts';
import { type OpenedStorage, openStorage } from '../compose-storage.ts';
import type { Config } from '../config/schema.ts';
import { errorText } from '../errors.ts';
import { createLogging } from '../observe/create-logging.ts';
import type { RegistryContext } from '../registry/context.ts';
import { version } from '../version.ts';
import { assertFolder } from './assert-folder.ts';
import { loadConfiguration } from './load-configuration.ts';
import { ExitCode } from './usage.ts';

export interface StorageCommand {
  /** Of the configuration file. */
  readonly path: string | undefined;
  readonly withWorkers: boolean;
  /** For `failed to …` when it ends early. */
  readonly purpose: string;
  /** Gives the exit code. */
  run(context: RegistryContext, config: Config): Promise<number>;
}

/** Runs a command; resolves with its exit code, also when it could not begin. */
export async function withStorage(command: StorageCommand): Promise<number> {
  const loaded = await loadConfiguration(command.path);
  if (loaded === undefined) {
    return ExitCode.failed;
  }
  const { config } = loaded;
  const logging = createLogging(
    { ...config.log, accesslog: { ...config.log.accesslog, disabled: true } },
    { version },
  );
  let storage: OpenedStorage | undefined;
  try {
    const { withWorkers } = command;
    const root = config.storage.filesystem?.rootdirectory;
    if (root !== undefined) {
      await assertFolder('storage.filesystem.rootdirectory', root);
    }
    storage = await openStorage(config, logging.logger, { withWorkers });
    return await command.run(storage.context, config);
  } catch (error) {
    const text =
      storage === undefined
        ? startFailure(error)
        : `failed to ${command.purpose}: ${errorText(error)}`;
    process.stderr.write(`longshore: ${text}\n`);
    return ExitCode.failed;
  } finally {
    await storage?.close();
    await logging.close();
  }
}
