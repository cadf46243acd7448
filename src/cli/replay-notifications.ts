/** `longshore notifications replay`: queues dead letters again, beside a running registry or without one. */

import { listDeadLetters } from '../notifications/dead-letters.ts';
import { spoolDirectory } from '../notifications/notifications.ts';
import { replayDeadLetters } from '../notifications/replay.ts';
import { loadConfiguration } from './load-configuration.ts';
import { ExitCode } from './usage.ts';

export async function replayNotifications(request: {
  path: string | undefined;
  isList: boolean;
}): Promise<number> {
  const loaded = await loadConfiguration(request.path);
  if (loaded === undefined) {
    return ExitCode.failed;
  }
  const { notifications, storage } = loaded.config;
  const directory = spoolDirectory(notifications.spool, storage.filesystem?.rootdirectory);
  if (directory === undefined) {
    process.stderr.write(
      'longshore: this configuration keeps no notifications: set notifications.spool.directory\n',
    );
    return ExitCode.failed;
  }
  if (request.isList) {
    const files = await listDeadLetters(directory);
    process.stdout.write(files.map((file) => `${file}\n`).join(''));
    return ExitCode.ok;
  }
  const { events, batches, broken } = await replayDeadLetters(directory);
  process.stdout.write(`${events} events of ${batches} dead-letter files queued again\n`);
  if (broken > 0) {
    process.stderr.write(`longshore: ${broken} lines could not be read; see *.broken\n`);
  }
  return broken === 0 ? ExitCode.ok : ExitCode.failed;
}
