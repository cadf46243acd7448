/**
 * Container engines against a registry with TLS and a login, which they trust by the file of its authority alone:
 * docker, podman and containerd. docker checks no certificate on loopback, so the registry listens on another address.
 */

import { accessSync, constants } from 'node:fs';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { anAuthority } from '../support/certificates.ts';
import { type ClientRig, clientRig } from '../support/client-rig.ts';
import { type DockerEngine, startContainerd, startDocker } from '../support/engines.ts';
import { htpasswdLine, password, user } from '../support/guarded-registry.ts';
import { type RunningRegistry, startRegistry } from '../support/registry.ts';
import { describeWith } from '../support/tools.ts';

const login = ['login', '-u', user, '--password-stdin'];
const ipAddress = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === 'IPv4' && !each.internal)?.address;

/** Where docker looks for the authority of each registry; no setting of it moves that. */
const dockerTrust = '/etc/docker/certs.d';

function dockerMissing(): string | undefined {
  if (ipAddress === undefined) return 'no IPv4 address but loopback';
  try {
    accessSync('/etc', constants.W_OK);
    return undefined;
  } catch {
    return `${dockerTrust} cannot be written`;
  }
}

describeWith(['skopeo', 'umoci', 'openssl'], 'engines over TLS', () => {
  let rig: ClientRig;
  let registry: RunningRegistry;
  let ca = '';
  /** Holds `ca.crt`, as clients of the containers family want it. */
  let trust = '';
  const name = (image: string): string => `${registry.host}/${image}`;

  beforeAll(async () => {
    rig = await clientRig();
    const authority = await anAuthority(rig.folder, 'authority');
    const address = ipAddress ?? '127.0.0.1';
    const pair = await authority.issue('registry', 'server', [address]);
    ca = authority.certificate;
    trust = join(rig.folder, 'trust');
    await mkdir(trust);
    await copyFile(ca, join(trust, 'ca.crt'));
    const htpasswd = join(rig.folder, 'htpasswd');
    await writeFile(htpasswd, htpasswdLine(user, password));
    const started = await startRegistry({
      config: {
        http: {
          addr: `${address}:0`,
          frontend: 'auto',
          tls: { certificate: pair.certificate, key: pair.key },
        },
        auth: { htpasswd: { realm: 'r', path: htpasswd } },
      },
    });
    registry = { ...started, host: `${address}:${started.port}` };
    const to = `docker://${name('img:multi')}`;
    const creds = ['--dest-creds', `${user}:${password}`, '--dest-cert-dir', trust];
    await rig.skopeo('copy', '--all', ...creds, `oci:${rig.images.layout}:multi`, to);
  });
  afterAll(async () => {
    await registry.stop();
    await rig.close();
  });

  /** What the registry holds under a name. */
  function rawManifest(image: string): Promise<string> {
    const creds = ['--creds', `${user}:${password}`, '--cert-dir', trust];
    return rig.skopeo('inspect', '--raw', ...creds, `docker://${name(image)}`);
  }

  const missing = dockerMissing();
  describe.skipIf(missing !== undefined)(
    missing === undefined ? 'docker' : `docker (skipped: ${missing})`,
    () => {
      describeWith(['dockerd', 'docker'], 'with its engine', () => {
        let engine: DockerEngine;
        /** Of all folders made, the one that holds the others. */
        let made: string | undefined;
        beforeAll(async () => {
          engine = await startDocker(rig);
        });
        afterAll(async () => {
          await rm(join(dockerTrust, registry.host), { recursive: true, force: true });
          if (made !== undefined) await rm(made, { recursive: true });
        });

        test('trusts no registry whose authority it was not given', async () => {
          const args = [...engine.words('untrusting'), ...login, registry.host];
          const { code, stderr } = await rig.run('docker', args, { input: password });
          expect(code).not.toBe(0);
          expect(stderr).toMatch(/x509|certificate/);
        });

        test('logs in, pushes, mounts and pulls once it has the authority', async () => {
          made = await mkdir(join(dockerTrust, registry.host), { recursive: true });
          await copyFile(ca, join(dockerTrust, registry.host, 'ca.crt'));
          const words = [...engine.words('docker-config'), ...login, registry.host];
          const bad = await rig.run('docker', words, { input: 'wrong' });
          expect(bad.code).not.toBe(0);
          expect(bad.stderr).toMatch(/unauthorized|incorrect|denied/i);
          await rig.ok('docker', words, { input: password });
          await engine.docker('tag', 'local/image:v1', name('docker/one:v1'));
          await engine.docker('push', name('docker/one:v1'));
          await engine.docker('tag', 'local/image:v1', name('docker/two:v1'));
          expect(await engine.docker('push', name('docker/two:v1'))).toContain(
            'Mounted from docker/one',
          );
          await engine.docker('rmi', '-f', name('docker/one:v1'));
          await engine.docker('pull', name('docker/one:v1'));
          await engine.docker('pull', name(`img@${rig.images.indexDigest}`));
        });
      });
    },
  );

  describeWith(['podman'], 'podman', () => {
    function podman(args: readonly string[], input = ''): Promise<string> {
      const at = (folder: string): string => join(rig.folder, folder);
      const store = ['--root', at('podman'), '--runroot', at('podrun'), '--storage-driver', 'vfs'];
      const quiet = ['--cgroup-manager', 'cgroupfs', '--events-backend', 'file'];
      return rig.ok('podman', [...store, ...quiet, ...args], { input });
    }

    test('logs in, pulls an index, pushes and pulls what it pushed', async () => {
      const policy = ['--signature-policy', rig.policy];
      await expect(podman([...login, registry.host], password)).rejects.toThrow(/x509|certificate/);
      await podman([...login, '--cert-dir', trust, registry.host], password);
      await podman(['pull', ...policy, '--cert-dir', trust, name('img:multi')]);
      await podman(['push', ...policy, '--cert-dir', trust, name('img:multi'), name('podman:v1')]);
      await podman(['rmi', '-f', name('img:multi')]);
      await podman(['pull', ...policy, '--cert-dir', trust, name('podman:v1')]);
    });
  });

  describeWith(['containerd', 'ctr'], 'containerd', () => {
    test('pulls an index with a login, and pushes it whole under another name', async () => {
      const socket = await startContainerd(rig);
      const ctr = (...args: string[]): Promise<string> => rig.ok('ctr', ['-a', socket, ...args]);
      const secure = ['--tlscacert', ca, '--user', `${user}:${password}`];
      const platform = ['--snapshotter', 'native', '--platform', 'linux/amd64'];
      await expect(
        ctr('images', 'pull', '--user', `${user}:${password}`, name('img:multi')),
      ).rejects.toThrow(/x509|certificate/);
      await ctr('images', 'pull', ...secure, ...platform, name('img:multi'));
      await ctr('content', 'fetch', ...secure, '--all-platforms', name('img:multi'));
      await ctr('images', 'tag', name('img:multi'), name('ctr/pushed:multi'));
      await ctr('images', 'push', ...secure, name('ctr/pushed:multi'));
      expect(await rawManifest('ctr/pushed:multi')).toBe(rig.images.index);
    });
  });
});
