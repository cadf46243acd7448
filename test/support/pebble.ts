/** Debian's pebble, a real ACME server, with its resolver that sends every name to this machine. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pair } from './certificates.ts';
import { freePorts } from './free-port.ts';

export const pebbleMissing: string | undefined = existsSync('/usr/bin/pebble')
  ? undefined
  : 'skipped: Debian package pebble is not installed';

export interface Pebble {
  readonly directoryUrl: string;
  /** Where it tells the root certificate that it made at its start and signs with. */
  readonly rootUrl: string;
  /** Ports that it asks to prove a host. */
  readonly tlsPort: number;
  readonly httpPort: number;
  /** Everything it printed so far. */
  log(): string;
  stop(): Promise<void>;
}

export async function startPebble(folder: string, server: Pair): Promise<Pebble> {
  const [api, management, httpPort, tlsPort, dns, dnsManagement] = await freePorts(6);
  const config = join(folder, 'pebble.json');
  await writeFile(
    config,
    JSON.stringify({
      pebble: {
        listenAddress: `127.0.0.1:${api}`,
        managementListenAddress: `127.0.0.1:${management}`,
        certificate: server.certificate,
        privateKey: server.key,
        httpPort,
        tlsPort,
        ocspResponderURL: '',
        externalAccountBindingRequired: false,
      },
    }),
  );
  let output = '';
  const start = async (command: string, args: string[], ready: RegExp): Promise<ChildProcess> => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // The refused nonces stay on: clients must cope with them.
      env: { PATH: process.env['PATH'], PEBBLE_VA_NOSLEEP: '1' },
    });
    await new Promise<void>((resolve) => {
      let own = '';
      const collect = (bytes: Buffer): void => {
        own += bytes;
        output += bytes;
        if (ready.test(own)) resolve();
      };
      child.stdout.on('data', collect);
      child.stderr.on('data', collect);
    });
    return child;
  };
  const resolver = await start(
    'pebble-challtestsrv',
    [
      ...['-management', `127.0.0.1:${dnsManagement}`, '-dns01', `127.0.0.1:${dns}`],
      ...['-http01', '', '-https01', '', '-tlsalpn01', ''],
      ...['-defaultIPv4', '127.0.0.1', '-defaultIPv6', ''],
    ],
    /management server/i,
  );
  const pebble = await start(
    'pebble',
    ['-config', config, '-dnsserver', `127.0.0.1:${dns}`],
    /ACME directory available/,
  );
  return {
    directoryUrl: `https://localhost:${api}/dir`,
    rootUrl: `https://localhost:${management}/roots/0`,
    tlsPort: tlsPort ?? 0,
    httpPort: httpPort ?? 0,
    log: () => output,
    async stop(): Promise<void> {
      for (const child of [pebble, resolver]) {
        child.kill();
        if (child.exitCode === null) await once(child, 'exit');
      }
    },
  };
}
