/**
 * How fast is this registry beside others, on this machine? Runs the profiles asked for, prints a table as cases end,
 * and leaves a results file and a report in bench/results/.
 *
 *   npm run bench -- --help
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryText } from './figures/memory.ts';
import { planText, whyNoPlan } from './figures/plan.ts';
import { type CaseResult, oursOf, type Results, type ServerName } from './figures/results.ts';
import { caseText, headText, machineText } from './figures/table.ts';
import { reportPage } from './report/page.ts';
import { machineOf, mayRaisePriority, programVersion } from './suite/machine.ts';
import { helpText, parseOptions, type SuiteOptions } from './suite/options.ts';
import { runSuite, type SuiteObserver } from './suite/run-suite.ts';
import type { Peer } from './suite/servers.ts';

function print(text: string): void {
  process.stdout.write(text);
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    print(helpText());
    return 0;
  }
  const isRaised = mayRaisePriority();
  const head = headOf(options, isRaised);
  print(`${machineText(head)}\n${headText()}`);
  const stopped = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => stopped.abort(new Error(`ended by ${name}`)));
  }
  const observer: SuiteObserver = {
    profileStarted: ({ id, title }) => print(`\n(${id}) ${title}\n`),
    caseDone: (result) => print(caseText(result, oursOf(head))),
  };
  const cases = await runSuite(options, isRaised, observer, stopped.signal);
  const results: Results = { ...head, cases };
  print(`\n${memoryText(results)}`);
  print(`\n${planText(results) || `No plan of machines: ${whyNoPlan(results)}.\n`}`);
  print(`\n${save(results, options.out).join('\n')}\n`);
  return cases.some(hasFailed) ? 1 : 0;
}

function headOf(options: SuiteOptions, isRaised: boolean): Results {
  const machine = machineOf(options.root, isRaised);
  return {
    format: 1,
    takenAt: new Date().toISOString(),
    isQuick: options.isQuick,
    seconds: options.seconds,
    rateClient: options.rateClient,
    machine,
    servers: options.peers.map((peer, index) => nameOf(peer, index === 0, machine.longshore)),
    cases: [],
  };
}

/** Other programs are asked with `--version`, as Distribution prints it. */
function nameOf({ name, command }: Peer, isOurs: boolean, ourVersion: string): ServerName {
  const program = command.split(' ')[0] ?? command;
  return { name, version: isOurs ? ourVersion : programVersion(program, ['--version']) };
}

function save(results: Results, folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  const base = join(folder, results.takenAt.replaceAll(/[:.]/g, '-'));
  writeFileSync(`${base}.json`, `${JSON.stringify(results, undefined, 1)}\n`);
  writeFileSync(`${base}.html`, reportPage(results));
  return [`${base}.json`, `${base}.html`];
}

function hasFailed({ failures }: CaseResult): boolean {
  return failures.length > 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
