/** The daemons that container clients talk to, each in a rig of its own; they end with the rig. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientRig } from './client-rig.ts';

export interface DockerEngine {
  /** Arguments that lead the docker command to this engine, with its logins in `config`, a name of the test's. */
  words(config: string): string[];
  docker(...args: string[]): Promise<string>;
}

/** It holds the image `local/image:v1` and trusts any registry on loopback. */
export async function startDocker(rig: ClientRig): Promise<DockerEngine> {
  const at = (name: string): string => join(rig.folder, name);
  const words = (config: string): string[] => [
    ...['--config', at(config)],
    ...['-H', `unix://${at('docker.sock')}`],
  ];
  const docker = (...args: string[]): Promise<string> =>
    rig.ok('docker', [...words('docker-config'), ...args]);
  await writeFile(at('daemon.json'), '{}');
  const args = [
    ...['--config-file', at('daemon.json'), '-p', at('docker.pid')],
    ...['--data-root', at('docker'), '--exec-root', at('docker-run')],
    ...['-H', `unix://${at('docker.sock')}`, '--iptables=false', '--bridge=none'],
    ...['--storage-driver', 'vfs', '--insecure-registry', '127.0.0.0/8'],
  ];
  await rig.daemon('dockerd', args, () => docker('version'));
  const archive = `docker-archive:${at('image.tar')}:local/image:v1`;
  await rig.skopeo('copy', `oci:${rig.images.layout}:amd64`, archive);
  await docker('load', '-i', at('image.tar'));
  return { words, docker };
}

/** @returns The path of its socket. */
export async function startContainerd(rig: ClientRig): Promise<string> {
  const socket = join(rig.folder, 'containerd.sock');
  const file = join(rig.folder, 'containerd.toml');
  await writeFile(
    file,
    `version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
root = "${join(rig.folder, 'containerd')}"
state = "${join(rig.folder, 'containerd-state')}"
[grpc]
address = "${socket}"
`,
  );
  await rig.daemon('containerd', ['--config', file], () =>
    rig.ok('ctr', ['-a', socket, 'version']),
  );
  return socket;
}
