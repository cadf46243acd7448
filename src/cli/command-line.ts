/**
 * Reads the command line: which command, its options, its configuration file. Refuses what the command has no use
 * for, so that no option is accepted and ignored. Judges no values; runs nothing.
 */

import { parseArgs } from 'node:util';
import { CodedError, errorText, hasCode } from '../errors.ts';

const options = {
  strict: { type: 'boolean' },
  list: { type: 'boolean' },
  endpoint: { type: 'string', multiple: true },
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

type OptionName = keyof typeof options;
export type OptionValues = NonNullable<
  ReturnType<typeof parseArgs<{ options: typeof options }>>['values']
>;

/** Words of a command -> the options it takes. Each takes one argument at most, the configuration file. */
const commands = {
  serve: ['strict'],
  config: ['strict'],
  'garbage-collect': ['dry-run', 'delete-untagged', 'quiet', 'min-age'],
  verify: ['repair', 'json', 'rate'],
  reindex: [],
  'notifications replay': ['list', 'endpoint'],
} as const satisfies Readonly<Record<string, readonly OptionName[]>>;

export type CommandName = keyof typeof commands;

export interface Command {
  readonly kind: 'command';
  readonly command: CommandName;
  /** Of the configuration file. */
  readonly path: string | undefined;
  readonly values: OptionValues;
}

export type CommandLine = { readonly kind: 'version' | 'help' } | Command;

/** Distribution's flags may also be written `--dry-run=true`. */
const booleanForm = /^(--(?:dry-run|delete-untagged|quiet)|-[dmq])=(true|false)$/;

/** @throws CodedError `USAGE` with one line for the operator */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const plain = args.flatMap((arg) => {
    const [, flag, value] = booleanForm.exec(arg) ?? [];
    return flag === undefined ? [arg] : value === 'true' ? [flag] : [];
  });
  const { values, positionals } = parse(plain);
  const [first] = positionals;
  if (values.version) {
    return { kind: 'version' };
  }
  if (values.help || first === undefined || first === 'help') {
    return { kind: 'help' };
  }
  const command = commandOf(positionals);
  const known: readonly string[] = commands[command];
  const foreign = Object.keys(values).find((name) => !known.includes(name));
  if (foreign !== undefined) {
    throw wrongUsage(`${command} has no option --${foreign}`);
  }
  const [path, surplus] = positionals.slice(command.split(' ').length);
  if (surplus !== undefined) {
    throw wrongUsage(`${command} takes one configuration file, "${surplus}" is one too many`);
  }
  return { kind: 'command', command, path, values };
}

function commandOf(positionals: readonly string[]): CommandName {
  const names = Object.keys(commands) as CommandName[];
  const command = names.find((name) =>
    name.split(' ').every((word, index) => positionals[index] === word),
  );
  if (command === undefined) {
    throw wrongUsage(`unknown command "${positionals.join(' ')}"`);
  }
  return command;
}

function parse(args: string[]): { values: OptionValues; positionals: string[] } {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    // Node's text goes on with advice about `--`, which is of no use here.
    const unknown = hasCode(error, 'ERR_PARSE_ARGS_UNKNOWN_OPTION');
    const name = unknown ? /'([^']*)'/.exec(errorText(error))?.[1] : undefined;
    throw wrongUsage(name === undefined ? errorText(error) : `unknown option ${name}`);
  }
}

function wrongUsage(message: string): CodedError {
  return new CodedError('USAGE', message);
}
