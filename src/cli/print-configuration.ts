/** `longshore config`: prints what the registry would run with. */

import { formatFaults, formatNotice } from '../config/faults.ts';
import { loadConfig } from '../config/load.ts';
import { printConfig } from '../config/print.ts';
import { ExitCode } from './usage.ts';

export async function printConfiguration(request: {
  path: string | undefined;
  strict: boolean;
}): Promise<number> {
  const loaded = await loadConfig({ ...request, env: process.env });
  if (!loaded.ok) {
    process.stderr.write(`${formatFaults(loaded)}\n`);
    return ExitCode.failed;
  }
  for (const warning of loaded.warnings) {
    process.stderr.write(`${formatNotice(warning)}\n`);
  }
  process.stdout.write(printConfig(loaded.config, loaded.origins));
  return ExitCode.ok;
}
