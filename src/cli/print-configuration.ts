/** `longshore config`: prints what the registry would run with. */

import { printConfig } from '../config/print.ts';
import { loadConfiguration } from './load-configuration.ts';
import { ExitCode } from './usage.ts';

export async function printConfiguration(request: {
  path: string | undefined;
  strict: boolean;
}): Promise<number> {
  const loaded = await loadConfiguration(request.path, request.strict);
  if (loaded === undefined) {
    return ExitCode.failed;
  }
  process.stdout.write(printConfig(loaded.config, loaded.origins));
  return ExitCode.ok;
}
