/** `longshore garbage-collect`: Distribution's command with its flags and its output. */

import { tryParseGoDuration } from '../options/go-duration.ts';
import { collectGarbage } from '../registry/garbage-collect.ts';
import { ExitCode, usage } from './usage.ts';
import { withStorage } from './with-storage.ts';

export interface GarbageRequest {
  readonly path: string | undefined;
  readonly dryRun: boolean;
  readonly deleteUntagged: boolean;
  readonly quiet: boolean;
  /** A Go duration. */
  readonly minAge: string;
}

export async function collectGarbageCommand(request: GarbageRequest): Promise<number> {
  const minAgeMs = tryParseGoDuration(request.minAge);
  if (minAgeMs === undefined || minAgeMs < 0) {
    process.stderr.write(
      `longshore: --min-age takes a duration such as 2h, not "${request.minAge}"\n\n${usage}`,
    );
    return ExitCode.failed;
  }
  const { dryRun, deleteUntagged } = request;
  const emit = request.quiet
    ? (): void => {}
    : (line: string): void => {
        process.stdout.write(`${line}\n`);
      };
  return withStorage({
    path: request.path,
    withWorkers: false,
    purpose: 'garbage collect',
    async run(context): Promise<number> {
      const options = { dryRun, deleteUntagged, minAgeMs };
      const { unreadable, torn } = await collectGarbage(context, options, emit);
      if (unreadable > 0) {
        process.stderr.write(
          `longshore: ${unreadable} manifests could not be read; everything in their repositories was kept. See longshore verify.\n`,
        );
      }
      if (torn > 0) {
        process.stderr.write(
          `longshore: ${torn} links are empty, cut short or of another digest; what they may name was kept. Run longshore verify --repair; tags must be pushed again, or deleted.\n`,
        );
      }
      return unreadable + torn === 0 ? ExitCode.ok : ExitCode.failed;
    },
  });
}
