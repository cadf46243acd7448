/**
 * How fast is this registry beside others, on this machine? Runs the profiles asked for, prints a table as cases end,
 * and leaves a results file and a report in bench/results/.
 *
 *   npm run bench -- --help
 */

import { errorText } from '../src/errors.ts';
import { memoryText } from './figures/memory.ts';
import { planText, whyNoPlan } from './figures/plan.ts';
import { type CaseResult, oursOf, type Results, type ServerName } from './figures/results.ts';
import { caseText, headText, machineText } from './figures/table.ts';
import { machineOf, mayRaisePriority, programVersion } from './suite/machine.ts';
import { helpText, parseOptions, type SuiteOptions } from './suite/options.ts';
import { makeOutFolder, saveResults } from './suite/result-files.ts';
import { runSuite, type SuiteObserver } from './suite/run-suite.ts';
import type { Peer } from './suite/servers.ts';
import { stopSignal } from './suite/stop-signal.ts';

function print(text: string): void {
  process.stdout.write(text);
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    print(helpText());
    return 0;
  }
  const stopped = stopSignal();
  makeOutFolder(options.out);
  const isRaised = mayRaisePriority();
  const head = headOf(options, isRaised);
  print(`${machineText(head)}\n${headText(oursOf(head))}`);
  const cases: CaseResult[] = [];
  const observer: SuiteObserver = {
    profileStarted: ({ id, title }) => print(`\n(${id}) ${title}\n`),
    caseDone: (result) => {
      cases.push(result);
      print(caseText(result, oursOf(head)));
    },
  };
  const cut = await whyCut(runSuite(options, isRaised, observer, stopped), stopped);
  const results: Results = { ...head, cases, ...(cut === undefined ? {} : { cut }) };
  if (cases.length > 0) {
    tell(results, saveResults(results, options.out));
  }
  if (cut !== undefined) {
    const kept = cases.length > 0 ? '; what was done before is kept' : '';
    process.stderr.write(`bench: ${cut}${kept}\n`);
    return 1;
  }
  return cases.some(hasFailed) ? 1 : 0;
}

/** Waits for the run; `undefined` when it came to its end. A run of half an hour is not lost by its last minute. */
async function whyCut(run: Promise<void>, stopped: AbortSignal): Promise<string | undefined> {
  try {
    await run;
    return undefined;
  } catch (error) {
    return errorText(stopped.aborted ? stopped.reason : error);
  }
}

function tell(results: Results, files: readonly string[]): void {
  const noPlan = `No plan of machines: ${whyNoPlan(results)}.\n`;
  print(`\n${memoryText(results)}`);
  print(`\n${planText(results) || noPlan}`);
  print(`\n${files.join('\n')}\n`);
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

function hasFailed({ failures }: CaseResult): boolean {
  return failures.length > 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`bench: ${errorText(error)}\n`);
  process.exitCode = 1;
}
