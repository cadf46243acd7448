/**
 * How many cores does a load need? Reads the newest results (or those named) and answers for each server.
 *
 *   npm run bench:plan -- --help
 */

import { errorText } from '../src/errors.ts';
import { plan } from './commands/plan.ts';

try {
  process.stdout.write(plan(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`plan: ${errorText(error)}\n`);
  process.exitCode = 1;
}
