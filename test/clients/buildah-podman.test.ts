/** buildah and podman: images built here, pushed, pulled, tagged and listed, over plain HTTP. */

import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dockerManifest, ociManifest } from '../support/api-client.ts';
import { type ClientRig, clientRig } from '../support/client-rig.ts';
import { frontEnds, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { describeWith } from '../support/tools.ts';

const here = '--tls-verify=false';

describeWith(['buildah', 'podman', 'skopeo', 'umoci'], 'buildah and podman', () => {
  let rig: ClientRig;
  beforeAll(async () => {
    rig = await clientRig();
  });
  afterAll(() => rig.close());

  const buildah = (...args: string[]) => rig.ok('buildah', ['--storage-driver', 'vfs', ...args]);
  function podman(...args: string[]): Promise<string> {
    const store = ['--root', join(rig.folder, 'podman'), '--runroot', join(rig.folder, 'podrun')];
    const quiet = ['--cgroup-manager', 'cgroupfs', '--events-backend', 'file'];
    return rig.ok('podman', ['--storage-driver', 'vfs', ...store, ...quiet, ...args]);
  }

  describe.each(frontEnds)('%s', (frontEnd) => {
    let registry: RunningRegistry;
    const name = (image: string): string => `${registry.host}/${image}`;
    const at = (image: string): string => `docker://${name(image)}`;
    const raw = async (image: string): Promise<{ mediaType?: string; manifests?: object[] }> =>
      JSON.parse(await rig.skopeo('inspect', '--raw', here, at(image))) as object;

    beforeAll(async () => {
      registry = await startRegistry({ frontEnd });
      const local = `oci:${rig.images.layout}:multi`;
      await rig.skopeo('copy', '--all', '--dest-tls-verify=false', local, at('img:multi'));
    });
    afterAll(async () => {
      await registry.stop();
    });

    test('buildah pushes what it built, in both formats, and pulls it', async () => {
      const policy = ['--signature-policy', rig.policy];
      const file = join(rig.folder, 'built');
      await writeFile(file, randomBytes(50_000));
      const container = (await buildah('from', 'scratch')).trim();
      await buildah('add', container, file, '/built');
      await buildah('commit', ...policy, container, `built-${frontEnd}`);
      const local = `localhost/built-${frontEnd}`;
      await buildah('push', ...policy, here, local, at('buildah:oci'));
      await buildah('push', ...policy, '--format', 'v2s2', here, local, at('buildah:docker'));
      expect((await raw('buildah:oci')).mediaType).toBe(ociManifest);
      expect((await raw('buildah:docker')).mediaType).toBe(dockerManifest);
      await buildah('pull', ...policy, here, at('buildah:oci'));
    });

    test('buildah pushes an index with all it names', async () => {
      const list = `list-${frontEnd}`;
      await buildah('manifest', 'create', list);
      await buildah('manifest', 'add', here, '--all', list, at('img:multi'));
      const policy = ['--signature-policy', rig.policy];
      await buildah('manifest', 'push', ...policy, '--all', here, list, at('buildah:multi'));
      expect((await raw('buildah:multi')).manifests).toHaveLength(2);
    });

    test('podman pulls by tag and digest, tags, pushes, and lists tags and the catalog', async () => {
      const policy = ['--signature-policy', rig.policy];
      await podman('pull', ...policy, here, name('img:multi'));
      await podman('pull', ...policy, here, name(`img@${rig.images.indexDigest}`));
      await podman('tag', name('img:multi'), name('podman:v1'));
      await podman('push', ...policy, here, name('podman:v1'));
      const zstd = ['--compression-format', 'zstd'];
      await podman('push', ...policy, ...zstd, here, name('podman:v1'), name('podman:zstd'));
      expect(await podman('search', '--list-tags', here, name('podman'))).toMatch(/v1[\s\S]*zstd/);
      expect(await podman('search', '--limit', '100', here, `${registry.host}/`)).toContain(
        name('podman'),
      );
    });
  });
});
