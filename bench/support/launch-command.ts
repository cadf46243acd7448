/** How our server is started here: as operators start it, so that its figures are those they will see. */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Program and first arguments; `serve CONFIG` comes after them. With flags for node, which go before the program's name,
 * node starts it without what the script adds.
 */
export function launchCommand(nodeFlags: readonly string[] = []): readonly [string, ...string[]] {
  const project = projectFolder();
  return nodeFlags.length === 0
    ? [join(project, 'src/longshore.sh')]
    : [process.execPath, ...nodeFlags, join(project, 'dist/src/launch.cjs')];
}

/** Benches are built to folders of different depth. */
function projectFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    folder = dirname(folder);
  }
  return folder;
}
