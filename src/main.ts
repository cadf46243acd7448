/**
 * The entry of the `longshore` command: runs the command that the command line names. The only file of src/ that names
 * native-free/, since it picks between the two front ends.
 */

import { makeNodeFrontEnd } from '../native-free/make-front-end.ts';
import { type CommandLine, parseCommandLine } from './cli/command-line.ts';
import { collectGarbageCommand } from './cli/garbage-collect.ts';
import { printConfiguration } from './cli/print-configuration.ts';
import { reindex } from './cli/reindex.ts';
import { replayNotifications } from './cli/replay-notifications.ts';
import { serve } from './cli/serve.ts';
import { ExitCode, usage } from './cli/usage.ts';
import { verify } from './cli/verify.ts';
import type { FrontEndParts } from './compose.ts';
import { errorText } from './errors.ts';
import type { FrontEnd } from './http/exchange.ts';
import { chooseFrontEnd } from './http/uws/choose.ts';
import { version } from './version.ts';

async function makeFrontEnd(parts: FrontEndParts): Promise<FrontEnd> {
  return (await chooseFrontEnd(parts.config.http, parts)) ?? makeNodeFrontEnd(parts);
}

async function run(args: readonly string[]): Promise<number> {
  let line: CommandLine;
  try {
    line = parseCommandLine(args);
  } catch (error) {
    process.stderr.write(`longshore: ${errorText(error)}\n\n${usage}`);
    return ExitCode.failed;
  }
  if (line.kind !== 'command') {
    process.stdout.write(line.kind === 'version' ? `longshore ${version}\n` : usage);
    return ExitCode.ok;
  }
  const { command, path, values } = line;
  const strict = values.strict ?? false;
  switch (command) {
    case 'serve':
      return serve({ path, strict, makeFrontEnd });
    case 'config':
      return printConfiguration({ path, strict });
    case 'garbage-collect':
      return collectGarbageCommand({
        path,
        dryRun: values['dry-run'] ?? false,
        deleteUntagged: values['delete-untagged'] ?? false,
        quiet: values.quiet ?? false,
        minAge: values['min-age'] ?? '0',
      });
    case 'verify':
      return verify({
        path,
        repair: values.repair ?? false,
        json: values.json ?? false,
        ...(values.rate === undefined ? {} : { rate: values.rate }),
      });
    case 'reindex':
      return reindex({ path });
    case 'notifications replay':
      return replayNotifications({ path, isList: values.list ?? false });
  }
}

process.exitCode = await run(process.argv.slice(2));
// Nothing is left to wait for: what still holds the loop open (a keep-alive socket of a peer, say) must not.
process.exit();
