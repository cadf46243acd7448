/**
 * The entry of the `longshore` command: reads the command line and runs one command. The only file of src/ that names
 * native-free/, since it picks between the two front ends.
 */

import cluster from 'node:cluster';
import { parseArgs } from 'node:util';
import { makeNodeFrontEnd } from '../native-free/make-front-end.ts';
import { collectGarbageCommand } from './cli/garbage-collect.ts';
import { printConfiguration } from './cli/print-configuration.ts';
import { reindex } from './cli/reindex.ts';
import { replayNotifications } from './cli/replay-notifications.ts';
import { serve } from './cli/serve.ts';
import { serveAsOneOfMany } from './cli/serve-as-one-of-many.ts';
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

const options = {
  strict: { type: 'boolean' },
  list: { type: 'boolean' },
  'dry-run': { type: 'boolean', short: 'd' },
  'delete-untagged': { type: 'boolean', short: 'm' },
  quiet: { type: 'boolean', short: 'q' },
  'min-age': { type: 'string' },
  repair: { type: 'boolean' },
  json: { type: 'boolean' },
  rate: { type: 'string' },
  version: { type: 'boolean', short: 'v' },
  help: { type: 'boolean', short: 'h' },
} as const;

async function run(args: readonly string[]): Promise<number> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    process.stderr.write(`longshore: ${errorText(error)}\n\n${usage}`);
    return ExitCode.failed;
  }
  const { values, positionals } = parsed;
  const [command, ...rest] = positionals;
  if (values.version) {
    process.stdout.write(`longshore ${version}\n`);
    return ExitCode.ok;
  }
  if (values.help || command === undefined || command === 'help') {
    process.stdout.write(usage);
    return ExitCode.ok;
  }
  const strict = values.strict ?? false;
  switch (command) {
    case 'serve':
      return cluster.isWorker
        ? serveAsOneOfMany(makeFrontEnd)
        : serve({ path: rest[0], strict, makeFrontEnd });
    case 'config':
      return printConfiguration({ path: rest[0], strict });
    case 'garbage-collect':
      return collectGarbageCommand({
        path: rest[0],
        dryRun: values['dry-run'] ?? false,
        deleteUntagged: values['delete-untagged'] ?? false,
        quiet: values.quiet ?? false,
        minAge: values['min-age'] ?? '0',
      });
    case 'verify':
      return verify({
        path: rest[0],
        repair: values.repair ?? false,
        json: values.json ?? false,
        ...(values.rate === undefined ? {} : { rate: values.rate }),
      });
    case 'reindex':
      return reindex({ path: rest[0] });
    case 'notifications':
      if (rest[0] === 'replay') {
        return replayNotifications({ path: rest[1], isList: values.list ?? false });
      }
      break;
    default:
  }
  process.stderr.write(`longshore: unknown command "${positionals.join(' ')}"\n\n${usage}`);
  return ExitCode.failed;
}

/** Distribution's flags may also be written `--dry-run=true`. */
const booleanForm = /^(--(?:dry-run|delete-untagged|quiet)|-[dmq])=(true|false)$/;

function parse(args: readonly string[]): ReturnType<typeof parseOptions> {
  return parseOptions(
    args.flatMap((arg) => {
      const [, flag, value] = booleanForm.exec(arg) ?? [];
      return flag === undefined ? [arg] : value === 'true' ? [flag] : [];
    }),
  );
}

function parseOptions(args: string[]): {
  values: NonNullable<ReturnType<typeof parseArgs<{ options: typeof options }>>['values']>;
  positionals: string[];
} {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  return { values, positionals };
}

process.exitCode = await run(process.argv.slice(2));
// Nothing is left to wait for: what still holds the loop open (a keep-alive socket of a peer, say) must not.
process.exit();
