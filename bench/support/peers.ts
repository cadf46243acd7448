/** Longshore and, when it is installed, Distribution, started one after the other on a folder that goes with them. */

import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startDockerRegistry } from '../../test/support/docker-registry.ts';
import { startRegistry } from '../../test/support/registry.ts';
import { findProgram } from '../../test/support/tools.ts';
import { launchCommand } from './launch-command.ts';

export interface Peer {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
}

/** Runs `bench` against each; `only` names one of them. */
export async function withPeers(
  parent: string,
  only: string | undefined,
  bench: (peer: Peer) => Promise<void>,
): Promise<void> {
  const starts = {
    longshore: (root: string) => startRegistry({ root, command: launchCommand() }),
    'docker-registry': (root: string) => startDockerRegistry(root),
  };
  for (const [name, start] of Object.entries(starts)) {
    const isThere = name === 'longshore' || findProgram(name) !== undefined;
    if (!isThere || (only !== undefined && only !== name)) {
      continue;
    }
    const folder = await mkdtemp(join(parent, 'longshore-bench-'));
    const server = await start(join(folder, 'data'));
    try {
      await bench({ name, port: server.port, pid: server.pid });
    } finally {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    }
  }
}
