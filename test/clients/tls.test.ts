/** TLS with a certificate authority of the test's own: curl over HTTP/1.1 and HTTP/2, skopeo with a login. */

import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestOf } from '../support/api-client.ts';
import { noise } from '../support/bytes.ts';
import { anAuthority } from '../support/certificates.ts';
import { type ClientRig, clientRig } from '../support/client-rig.ts';
import { htpasswdLine, password, user } from '../support/guarded-registry.ts';
import { type RunningRegistry, startRegistry } from '../support/registry.ts';
import { describeWith } from '../support/tools.ts';

describeWith(['curl', 'skopeo', 'umoci', 'openssl'], 'tls', () => {
  let rig: ClientRig;
  let registry: RunningRegistry;
  let ca = '';
  const curl = (...args: string[]): Promise<string> =>
    rig.ok('curl', [
      '-sS',
      '--fail-with-body',
      '--cacert',
      ca,
      '-u',
      `${user}:${password}`,
      ...args,
    ]);
  const url = (path: string): string => `https://${registry.host}${path}`;

  beforeAll(async () => {
    rig = await clientRig();
    const authority = await anAuthority(rig.folder, 'authority');
    const pair = await authority.issue('registry');
    ca = authority.certificate;
    const htpasswd = join(rig.folder, 'htpasswd');
    await writeFile(htpasswd, htpasswdLine(user, password));
    registry = await startRegistry({
      config: {
        http: { tls: { certificate: pair.certificate, key: pair.key } },
        auth: { htpasswd: { realm: 'r', path: htpasswd } },
      },
    });
  });
  afterAll(async () => {
    await registry.stop();
    await rig.close();
  });

  test.each([
    ['--http1.1', '1.1'],
    ['--http2', '2'],
  ])('curl %s pushes and pulls a blob over HTTP/%s', async (flag, version) => {
    const file = join(rig.folder, `blob-${version}`);
    const blob = noise(300_000, Number(version));
    await writeFile(file, blob);
    const digest = digestOf(blob);
    const push = ['-X', 'POST', '--data-binary', `@${file}`, '-o', '/dev/null'];
    const format = ['-w', '%{http_code} %{http_version}'];
    const target = url(`/v2/tls/blobs/uploads/?digest=${digest}`);
    expect(await curl(flag, ...push, ...format, target)).toBe(`201 ${version}`);
    const back = `${file}-back`;
    const pull = await curl(flag, '-o', back, ...format, url(`/v2/tls/blobs/${digest}`));
    expect(pull).toBe(`200 ${version}`);
    await rig.ok('cmp', [file, back]);
  });

  test('the URLs it gives out are https', async () => {
    const head = ['-X', 'POST', '-d', '', '-o', '/dev/null', '-w', '%header{location}'];
    const location = await curl(...head, url('/v2/tls/blobs/uploads/'));
    expect(location).toMatch(new RegExp(`^https://${registry.host}/v2/tls/blobs/uploads/`));
  });

  test('without the authority curl trusts nothing', async () => {
    const { code } = await rig.run('curl', ['-sS', url('/v2/')]);
    expect(code).toBe(60);
  });

  test('skopeo logs in, pushes an index and pulls it', async () => {
    const certs = join(rig.folder, 'certs');
    await mkdir(certs);
    await copyFile(ca, join(certs, 'ca.crt'));
    const login = ['--cert-dir', certs, '-u', user, '--password-stdin', registry.host];
    await rig.ok('skopeo', ['login', ...login], { input: password });
    const image = `docker://${registry.host}/tls/img:multi`;
    const local = `oci:${rig.images.layout}:multi`;
    await rig.skopeo('copy', '--all', '--dest-cert-dir', certs, local, image);
    const raw = await rig.skopeo('inspect', '--raw', '--cert-dir', certs, image);
    expect(raw).toBe(rig.images.index);
    await expect(rig.skopeo('inspect', '--raw', image)).rejects.toThrow(/x509|certificate/);
  });
});
