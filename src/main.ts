/**
 * The entry of the `longshore` command: runs the command that the command line names. The only file of src/ that names
 * native-free/, since it picks between the two front ends.
 */

import cluster from 'node:cluster';
import { type Command, type CommandLine, parseCommandLine } from './cli/command-line.ts';
import { endWhenUnheard, outputWritten } from './cli/command-output.ts';
import { ExitCode, usage } from './cli/usage.ts';
import type { FrontEndParts } from './compose.ts';
import { errorText } from './errors.ts';
import type { FrontEnd } from './http/exchange.ts';
import { version } from './version.ts';

async function makeFrontEnd(parts: FrontEndParts): Promise<FrontEnd> {
  const { chooseFrontEnd } = await import('./http/uws/choose.ts');
  const chosen = await chooseFrontEnd(parts.config.http, parts);
  if (chosen !== undefined) {
    return chosen;
  }
  const { makeNodeFrontEnd } = await import('../native-free/make-front-end.ts');
  return makeNodeFrontEnd(parts);
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
  return runCommand(line);
}

/** Each command is loaded when it is the one: `config` needs no libraries of storage. */
async function runCommand({ command, path, values }: Command): Promise<number> {
  const strict = values.strict ?? false;
  switch (command) {
    case 'serve': {
      if (cluster.isWorker) {
        const { serveAsOneOfMany } = await import('./cli/serve-as-one-of-many.ts');
        return serveAsOneOfMany(makeFrontEnd);
      }
      const { serve } = await import('./cli/serve.ts');
      return serve({ path, strict, makeFrontEnd });
    }
    case 'config': {
      const { printConfiguration } = await import('./cli/print-configuration.ts');
      return printConfiguration({ path, strict });
    }
    case 'garbage-collect': {
      const { collectGarbageCommand } = await import('./cli/garbage-collect.ts');
      return collectGarbageCommand({
        path,
        dryRun: values['dry-run'] ?? false,
        deleteUntagged: values['delete-untagged'] ?? false,
        quiet: values.quiet ?? false,
        minAge: values['min-age'] ?? '0',
      });
    }
    case 'verify': {
      const { verify } = await import('./cli/verify.ts');
      return verify({
        path,
        repair: values.repair ?? false,
        json: values.json ?? false,
        ...(values.rate === undefined ? {} : { rate: values.rate }),
      });
    }
    case 'reindex': {
      const { reindex } = await import('./cli/reindex.ts');
      return reindex({ path });
    }
    case 'notifications replay': {
      const { replayNotifications } = await import('./cli/replay-notifications.ts');
      return replayNotifications({
        path,
        isList: values.list ?? false,
        renamed: values.endpoint ?? [],
      });
    }
  }
}

const args = process.argv.slice(2);
if (args[0] === 'serve') {
  process.exitCode = await run(args);
} else {
  endWhenUnheard();
  process.exitCode = await run(args);
  await outputWritten();
}
// Nothing is left to wait for: what still holds the loop open (a keep-alive socket of a peer, say) must not.
process.exit();
