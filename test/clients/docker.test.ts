/** docker and its engine: login, push, mount, pull; over plain HTTP and behind each kind of access control. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ClientRig, clientRig } from '../support/client-rig.ts';
import { type DockerEngine, startDocker } from '../support/engines.ts';
import {
  type Guard,
  type GuardedRegistry,
  password,
  startGuarded,
  user,
} from '../support/guarded-registry.ts';
import type { FrontEndName } from '../support/registry.ts';
import { describeWith } from '../support/tools.ts';

const subjects: readonly (readonly [Guard, FrontEndName])[] = [
  ['plain', 'node'],
  ['htpasswd', 'uws'],
  ['token', 'uws'],
  ['rules', 'uws'],
];

describeWith(['dockerd', 'docker', 'skopeo', 'umoci'], 'docker', () => {
  let rig: ClientRig;
  let engine: DockerEngine;
  const words = (config: string): string[] => engine.words(config);
  const docker = (...args: string[]): Promise<string> => engine.docker(...args);

  beforeAll(async () => {
    rig = await clientRig();
    engine = await startDocker(rig);
  });
  afterAll(() => rig.close());

  describe.each(subjects)('%s on %s', (guard, frontEnd) => {
    let registry: GuardedRegistry;
    const name = (image: string): string => `${registry.host}/${image}`;
    beforeAll(async () => {
      registry = await startGuarded(guard, frontEnd);
    });
    afterAll(() => registry.close());

    if (guard !== 'plain') {
      test('a wrong password is refused, the right one logs in', async () => {
        const login = ['login', '-u', user, '--password-stdin', registry.host];
        const bad = await rig.run('docker', [...words('bad-config'), ...login], { input: 'wrong' });
        expect(bad.code).not.toBe(0);
        expect(bad.stderr).toMatch(/unauthorized|incorrect|denied/i);
        await rig.ok('docker', [...words('docker-config'), ...login], { input: password });
      });
    }

    test('an image is pushed, mounted into a second repository, and pulled', async () => {
      await docker('tag', 'local/image:v1', name('public/one:v1'));
      await docker('push', name('public/one:v1'));
      await docker('tag', 'local/image:v1', name('two:v1'));
      expect(await docker('push', name('two:v1'))).toMatch(/Mounted from public\/one/);
      await docker('rmi', '-f', name('public/one:v1'));
      await docker('pull', name('public/one:v1'));
    });

    test('an index is pulled by digest, and one platform of it', async () => {
      const login = guard === 'plain' ? [] : ['--dest-creds', `${user}:${password}`];
      const local = `oci:${rig.images.layout}:multi`;
      const to = `docker://${name('img:multi')}`;
      await rig.skopeo('copy', '--all', '--dest-tls-verify=false', ...login, local, to);
      await docker('pull', name(`img@${rig.images.indexDigest}`));
      await docker('pull', '--platform', 'linux/arm64', name('img:multi'));
      const facts = await docker('inspect', '-f', '{{.Architecture}}', name('img:multi'));
      expect(facts.trim()).toBe('arm64');
    });

    if (guard === 'token') {
      test('the login was kept as a refresh token, and pushes used it', () => {
        expect(registry.tokens?.requests).toContainEqual(expect.stringMatching(/ offline$/));
        expect(registry.tokens?.requests).toContainEqual(
          expect.stringMatching(/^POST refresh_token/),
        );
      });
    }

    test('a missing tag is said to be missing', async () => {
      const args = [...words('docker-config'), 'pull', name('img:none')];
      const { code, stderr } = await rig.run('docker', args);
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/not found|manifest unknown/i);
    });

    if (guard !== 'plain') {
      test('without a login only what rules open can be pulled', async () => {
        const open = await rig.run('docker', [...words('none'), 'pull', name('public/one:v1')]);
        expect(open.code === 0).toBe(guard === 'rules');
        const closed = await rig.run('docker', [...words('none'), 'pull', name('img:multi')]);
        expect(closed.code).not.toBe(0);
        expect(closed.stderr).toMatch(/unauthorized|denied|no basic auth/i);
      });
    }
  });
});
