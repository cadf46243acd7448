/**
 * What becomes of a command whose output nobody takes: its reader has gone (`| head`), or the disk is full. Not for
 * `serve`: it goes on, and its log has its own ways (observe/line-writer.ts).
 */

import { errorText, hasCode } from '../errors.ts';
import { ExitCode } from './usage.ts';

/** What a shell tells of a program that died of SIGPIPE, which Node does not. */
const brokenPipe = 141;

/** The command ends with the first output that cannot be written: quietly when its reader has gone. */
export function endWhenUnheard(): void {
  process.stdout.on('error', (error) => {
    if (hasCode(error, 'EPIPE')) {
      process.exit(brokenPipe);
    }
    process.stderr.write(`longshore: cannot write to standard output: ${errorText(error)}\n`);
    process.exit(ExitCode.failed);
  });
  process.stderr.on('error', () => process.exit(ExitCode.failed));
}

/** Resolves when all output is written, or was found not to be. */
export function outputWritten(): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write('', () => resolve());
  });
}
