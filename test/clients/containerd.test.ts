/** containerd by its ctr: pulls, fetches and pushes, plain and with credentials (which it sends by the POST flow too). */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ClientRig, clientRig } from '../support/client-rig.ts';
import { startContainerd } from '../support/engines.ts';
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
  ['plain', 'uws'],
  ['plain', 'node'],
  ['htpasswd', 'uws'],
  ['token', 'uws'],
  ['rules', 'node'],
];

describeWith(['containerd', 'ctr', 'skopeo', 'umoci'], 'containerd', () => {
  let rig: ClientRig;
  let socket = '';
  const ctr = (...args: string[]): Promise<string> => rig.ok('ctr', ['-a', socket, ...args]);

  beforeAll(async () => {
    rig = await clientRig();
    socket = await startContainerd(rig);
  });
  afterAll(() => rig.close());

  describe.each(subjects)('%s on %s', (guard, frontEnd) => {
    let registry: GuardedRegistry;
    const name = (image: string): string => `${registry.host}/${image}`;
    const login = guard === 'plain' ? [] : ['--user', `${user}:${password}`];
    const plain = ['--plain-http', ...login];
    const creds = guard === 'plain' ? [] : ['--creds', `${user}:${password}`];

    beforeAll(async () => {
      registry = await startGuarded(guard, frontEnd);
      const destination = creds.map((word) => word.replace('--creds', '--dest-creds'));
      const local = `oci:${rig.images.layout}:multi`;
      const to = `docker://${name('img:multi')}`;
      await rig.skopeo('copy', '--all', '--dest-tls-verify=false', ...destination, local, to);
    });
    afterAll(() => registry.close());

    test('an index is pulled, and pushed whole under another name', async () => {
      const platform = ['--snapshotter', 'native', '--platform', 'linux/amd64'];
      await ctr('images', 'pull', ...plain, ...platform, name('img:multi'));
      await ctr('content', 'fetch', ...plain, '--all-platforms', name('img:multi'));
      await ctr('images', 'tag', name('img:multi'), name('ctr/pushed:multi'));
      await ctr('images', 'push', ...plain, name('ctr/pushed:multi'));
      const pushed = `docker://${name('ctr/pushed:multi')}`;
      const raw = await rig.skopeo('inspect', '--raw', '--tls-verify=false', ...creds, pushed);
      expect(raw).toBe(rig.images.index);
    });

    if (guard !== 'plain') {
      test('a wrong password and none are refused', async () => {
        for (const words of [['--user', `${user}:wrong`], []]) {
          const args = ['images', 'pull', '--plain-http', ...words, name('img:multi')];
          const { code, stderr } = await rig.run('ctr', ['-a', socket, ...args]);
          expect(code).not.toBe(0);
          expect(stderr).toMatch(/401|unauthorized|authorization failed|denied/i);
        }
      });
    }

    if (guard === 'token') {
      test('tokens came by the POST flow', () => {
        expect(registry.tokens?.requests).toContainEqual(expect.stringMatching(/^POST password/));
      });
    }
  });
});
