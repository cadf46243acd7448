/**
 * Did anything get slower since the committed baseline? Compares ratios to the other registries. Run by hand: figures
 * of a shared machine are no judge in CI.
 *
 *   npm run bench:guard -- --help
 */

import { errorText } from '../src/errors.ts';
import { guard } from './commands/guard.ts';

try {
  process.exitCode = guard(process.argv.slice(2), (line) => process.stdout.write(`${line}\n`));
} catch (error) {
  process.stderr.write(`guard: ${errorText(error)}\n`);
  process.exitCode = 1;
}
