/** Certificates made by the openssl command, as operators make them; written into a folder of the test's own. */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority of its own; `issue` signs with it. */
export interface Authority extends Pair {
  /** @param addresses  IPs beside 127.0.0.1 that the certificate is good for. */
  issue(name: string, use?: 'server' | 'client', addresses?: readonly string[]): Promise<Pair>;
  /** A certificate without extensions, as older tools make it: nothing in it but the name tells who issued it. */
  issueBare(name: string): Promise<Pair>;
}

export async function anAuthority(folder: string, name: string): Promise<Authority> {
  const ca = { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  await openssl([
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`],
    ...['-keyout', ca.key, '-out', ca.certificate],
  ]);
  return {
    ...ca,
    async issue(
      leaf: string,
      use: 'server' | 'client' = 'server',
      addresses: readonly string[] = [],
    ): Promise<Pair> {
      const names = ['DNS:localhost', 'IP:127.0.0.1', ...addresses.map((ip) => `IP:${ip}`)];
      const pair = { certificate: join(folder, `${leaf}.crt`), key: join(folder, `${leaf}.key`) };
      await openssl([
        ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${leaf}`],
        ...['-CA', ca.certificate, '-CAkey', ca.key],
        ...['-addext', `subjectAltName=${names.join()}`],
        ...['-addext', `extendedKeyUsage=${use}Auth`, '-addext', 'basicConstraints=CA:FALSE'],
        ...['-keyout', pair.key, '-out', pair.certificate],
      ]);
      return pair;
    },
    async issueBare(leaf: string): Promise<Pair> {
      const pair = { certificate: join(folder, `${leaf}.crt`), key: join(folder, `${leaf}.key`) };
      const request = join(folder, `${leaf}.csr`);
      await openssl([
        ...['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${leaf}`],
        ...['-keyout', pair.key, '-out', request],
      ]);
      await openssl([
        ...['x509', '-req', '-in', request, '-days', '2', '-out', pair.certificate],
        ...['-CA', ca.certificate, '-CAkey', ca.key, '-CAcreateserial'],
      ]);
      return pair;
    },
  };
}

async function openssl(args: readonly string[]): Promise<void> {
  await run('openssl', [...args]);
}
