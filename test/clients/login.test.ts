/** Logins with real clients: skopeo, podman and buildah against htpasswd, token and access rules, on both front ends. */

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ClientRig, clientRig } from '../support/client-rig.ts';
import {
  type Guard,
  type GuardedRegistry,
  password,
  reader,
  readerPassword,
  startGuarded,
  user,
} from '../support/guarded-registry.ts';
import type { FrontEndName } from '../support/registry.ts';
import { describeWith } from '../support/tools.ts';

const here = '--tls-verify=false';
const toHere = '--dest-tls-verify=false';
const fromHere = '--src-tls-verify=false';

const subjects: readonly (readonly [Guard, FrontEndName])[] = [
  ['htpasswd', 'uws'],
  ['token', 'node'],
  ['rules', 'uws'],
  ['rules', 'node'],
];

describeWith(['skopeo', 'umoci', 'podman', 'buildah'], 'login', () => {
  let rig: ClientRig;
  beforeAll(async () => {
    rig = await clientRig();
  });
  afterAll(() => rig.close());

  describe.each(subjects)('%s on %s', (guard, frontEnd) => {
    let registry: GuardedRegistry;
    const at = (name: string): string => `docker://${registry.host}/${name}`;
    const image = (): string => `oci:${rig.images.layout}:amd64`;
    const skopeo = (...args: string[]): string[] => ['--policy', rig.policy, ...args];
    const credentials = ['-u', user, '--password-stdin'];

    beforeAll(async () => {
      registry = await startGuarded(guard, frontEnd);
      await rig.ok('skopeo', ['login', here, ...credentials, registry.host], { input: password });
    });
    afterAll(() => registry.close());

    test.each(['skopeo', 'podman', 'buildah'])('%s refuses a wrong password', async (program) => {
      const env = { REGISTRY_AUTH_FILE: join(rig.folder, `bad-${program}.json`) };
      const args = ['login', here, ...credentials, registry.host];
      const { code, stderr } = await rig.run(program, args, { env, input: 'wrong' });
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/unauthorized|invalid username\/password|authentication/i);
    });

    test('skopeo pushes, pulls, lists and deletes with a login', async () => {
      await rig.skopeo('copy', toHere, image(), at('team/app:v1'));
      await rig.skopeo('copy', toHere, image(), at('team/mounted:v1'));
      const pulled = `dir:${join(rig.folder, `${guard}-${frontEnd}-pulled`)}`;
      await rig.skopeo('copy', fromHere, at('team/mounted:v1'), pulled);
      const tags = JSON.parse(await rig.skopeo('list-tags', here, at('team/app'))) as object;
      expect(tags).toMatchObject({ Tags: ['v1'] });
      await rig.skopeo('copy', toHere, image(), at('team/gone:v1'));
      await rig.skopeo('delete', here, at('team/gone:v1'));
    });

    test('nobody pushes without a login', async () => {
      const args = skopeo('copy', toHere, image(), at('team/anonymous:v1'));
      const { code, stderr } = await rig.run('skopeo', args, { env: rig.loggedOut });
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/unauthorized|authentication required|denied/i);
    });

    // Plain htpasswd knows no readers: every user may do everything.
    if (guard !== 'htpasswd') {
      test('whoever may only read cannot push', async () => {
        await rig.skopeo('copy', toHere, image(), at('team/read:v1'));
        const creds = `${reader}:${readerPassword}`;
        const pulled = `dir:${join(rig.folder, `${guard}-${frontEnd}-read`)}`;
        const pull = ['copy', '--src-creds', creds, fromHere, at('team/read:v1'), pulled];
        await rig.ok('skopeo', skopeo(...pull), { env: rig.loggedOut });
        const push = ['copy', '--dest-creds', creds, toHere, image(), at('team/other:v1')];
        const { code, stderr } = await rig.run('skopeo', skopeo(...push), { env: rig.loggedOut });
        expect(code).not.toBe(0);
        expect(stderr).toMatch(/denied|unauthorized|insufficient|authentication required/i);
      });
    }

    test('anonymous requests may do what the rules let them', async () => {
      await rig.skopeo('copy', toHere, image(), at('public/app:v1'));
      const pulled = `dir:${join(rig.folder, `${guard}-${frontEnd}-anonymous`)}`;
      const args = skopeo('copy', fromHere, at('public/app:v1'), pulled);
      const { code } = await rig.run('skopeo', args, { env: rig.loggedOut });
      expect(code === 0).toBe(guard === 'rules');
      const hidden = skopeo('inspect', here, at('team/app:v1'));
      expect((await rig.run('skopeo', hidden, { env: rig.loggedOut })).code).not.toBe(0);
    });
  });

  test('skopeo asks for tokens with the GET flow', async () => {
    const registry = await startGuarded('token', 'uws');
    const to = `docker://${registry.host}/flow:v1`;
    const args = ['copy', '--dest-creds', `${user}:${password}`, toHere];
    await rig.skopeo(...args, `oci:${rig.images.layout}:amd64`, to);
    expect([...new Set(registry.tokens?.requests)]).toEqual(['GET basic']);
    await registry.close();
  });
});
