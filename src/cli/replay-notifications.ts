/** `longshore notifications replay`: queues dead letters again, beside a running registry or without one. */

import type { Config } from '../config/schema.ts';
import { errorText } from '../errors.ts';
import { listDeadLetters } from '../notifications/dead-letters.ts';
import { endpointKeys } from '../notifications/endpoint-vars.ts';
import { spoolDirectory } from '../notifications/notifications.ts';
import { replayDeadLetters } from '../notifications/replay.ts';
import { assertFolder } from './assert-folder.ts';
import { loadConfiguration } from './load-configuration.ts';
import { ExitCode } from './usage.ts';

export async function replayNotifications(request: {
  path: string | undefined;
  isList: boolean;
  /** `OLD=NEW`: events of OLD go to NEW. */
  renamed: readonly string[];
}): Promise<number> {
  const loaded = await loadConfiguration(request.path);
  if (loaded === undefined) {
    return ExitCode.failed;
  }
  const { notifications, storage } = loaded.config;
  const directory = spoolDirectory(notifications.spool, storage.filesystem?.rootdirectory);
  if (directory === undefined) {
    return failed(
      'longshore: this configuration keeps no notifications: set notifications.spool.directory',
    );
  }
  try {
    await assertSpool(loaded.config);
  } catch (error) {
    return failed(`longshore: ${errorText(error)}`);
  }
  if (request.isList) {
    const files = await listDeadLetters(directory);
    process.stdout.write(files.map((file) => `${file}\n`).join(''));
    return ExitCode.ok;
  }
  const keys = endpointKeys(notifications.endpoints).filter((key) => key !== undefined);
  const configured = new Set(keys);
  const renamed = new Map<string, string>();
  for (const pair of request.renamed) {
    const names = namesOf(pair, configured);
    if (names === undefined) {
      const known = keys.map((key) => `"${key}"`).join(', ') || 'none';
      return failed(
        `longshore: --endpoint ${pair}: OLD=NEW is needed, NEW one of those configured: ${known}`,
      );
    }
    renamed.set(names.from, names.to);
  }
  const { events, batches, broken, left } = await replayDeadLetters(directory, {
    configured,
    renamed,
  });
  process.stdout.write(`${events} events of ${batches} dead-letter files queued again\n`);
  for (const [key, count] of left) {
    process.stderr.write(
      `longshore: ${count} events of endpoint "${key}" stay, since it is not configured: --endpoint "${key}=NEW" delivers them to NEW\n`,
    );
  }
  if (broken > 0) {
    process.stderr.write(`longshore: ${broken} lines could not be read; see *.broken\n`);
  }
  return broken === 0 && left.size === 0 ? ExitCode.ok : ExitCode.failed;
}

/** Names may hold a `=` themselves (URLs do): the one that leaves a configured name behind it divides. */
function namesOf(
  pair: string,
  configured: ReadonlySet<string>,
): { from: string; to: string } | undefined {
  for (let at = pair.indexOf('='); at > 0; at = pair.indexOf('=', at + 1)) {
    const to = pair.slice(at + 1);
    if (configured.has(to)) {
      return { from: pair.slice(0, at), to };
    }
  }
  return undefined;
}

function failed(line: string): number {
  process.stderr.write(`${line}\n`);
  return ExitCode.failed;
}

/** A spool folder that the configuration names must be there; below the root directory it may not have been made yet. */
async function assertSpool({ notifications, storage }: Config): Promise<void> {
  const { directory } = notifications.spool;
  const root = storage.filesystem?.rootdirectory;
  if (directory !== undefined) {
    await assertFolder('notifications.spool.directory', directory);
  } else if (root !== undefined) {
    await assertFolder('storage.filesystem.rootdirectory', root);
  }
}
