/** For commands on stored data: a folder that is not there is a mistyped path or a volume not mounted, not empty data. */

import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CodedError, hasCode } from '../errors.ts';

/**
 * `serve` makes its folders itself; a command that finds nothing would tell that all is well.
 *
 * @param key  That names the folder in the configuration.
 * @throws CodedError `FOLDER_MISSING` with one line for the operator. What else is wrong with it is told by who reads it.
 */
export async function assertFolder(key: string, path: string): Promise<void> {
  try {
    await stat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) {
      throw new CodedError(
        'FOLDER_MISSING',
        `${key}: there is no folder ${resolve(path)}; mistyped, or is its volume not mounted?`,
        { cause: error },
      );
    }
  }
}
