/** skopeo against plain HTTP on both front ends: copies of every kind, lists, deletes. */

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiClient, dockerManifest } from '../support/api-client.ts';
import { type ClientRig, clientRig } from '../support/client-rig.ts';
import { frontEnds, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { describeWith } from '../support/tools.ts';
import { checkedBlobs } from '../support/umoci-images.ts';

const toHere = '--dest-tls-verify=false';
const fromHere = '--src-tls-verify=false';
const here = '--tls-verify=false';

describeWith(['skopeo', 'umoci'], 'skopeo', () => {
  let rig: ClientRig;
  beforeAll(async () => {
    rig = await clientRig();
  });
  afterAll(() => rig.close());

  describe.each(frontEnds)('%s', (frontEnd) => {
    let registry: RunningRegistry;
    const at = (name: string): string => `docker://${registry.host}/${name}`;
    const local = (tag: string): string => `oci:${rig.images.layout}:${tag}`;
    const out = (name: string): string => join(rig.folder, `${frontEnd}-${name}`);
    beforeAll(async () => {
      registry = await startRegistry({ frontEnd });
      await rig.skopeo('copy', '--all', toHere, local('multi'), at('img:multi'));
    });
    afterAll(async () => {
      await registry.stop();
    });

    test('an image is pushed, pushed again, and pushed to a second repository', async () => {
      for (const name of ['img:amd64', 'img:again', 'other/img:amd64']) {
        await rig.skopeo('copy', toHere, local('amd64'), at(name));
      }
      const tags = JSON.parse(await rig.skopeo('list-tags', here, at('img'))) as { Tags: string[] };
      expect(tags.Tags).toEqual(['again', 'amd64', 'multi']);
      const facts = JSON.parse(await rig.skopeo('inspect', here, at('other/img:amd64'))) as {
        Architecture: string;
        Layers: string[];
      };
      expect(facts.Architecture).toBe('amd64');
      expect(facts.Layers).toHaveLength(2);
    });

    test('an index comes back byte for byte, with every blob', async () => {
      const { images } = rig;
      const byTag = await rig.skopeo('inspect', '--raw', here, at('img:multi'));
      expect(byTag).toBe(images.index);
      const byDigest = await rig.skopeo('inspect', '--raw', here, at(`img@${images.indexDigest}`));
      expect(byDigest).toBe(images.index);
      await rig.skopeo('copy', '--all', fromHere, at('img:multi'), `oci:${out('back')}:multi`);
      expect(await checkedBlobs(out('back'))).toEqual(await checkedBlobs(images.layout));
    });

    test('one platform is taken out of an index', async () => {
      const copy = `oci:${out('arm')}:x`;
      await rig.skopeo('--override-arch', 'arm64', 'copy', fromHere, at('img:multi'), copy);
      const config = JSON.parse(await rig.skopeo('inspect', '--config', copy)) as object;
      expect(config).toMatchObject({ architecture: 'arm64' });
    });

    test('an index is copied from repository to repository', async () => {
      const both = [fromHere, toHere];
      await rig.skopeo('copy', '--all', ...both, at('img:multi'), at('copied:multi'));
      expect(await rig.skopeo('inspect', '--raw', here, at('copied:multi'))).toBe(rig.images.index);
    });

    test('a Docker schema 2 manifest is made, kept and pulled', async () => {
      await rig.skopeo('copy', '--format', 'v2s2', toHere, local('amd64'), at('s2:x'));
      const raw = JSON.parse(await rig.skopeo('inspect', '--raw', here, at('s2:x'))) as object;
      expect(raw).toMatchObject({ mediaType: dockerManifest });
      await rig.skopeo('copy', fromHere, at('s2:x'), `dir:${out('s2')}`);
    });

    test('a deleted image is gone and others stay', async () => {
      await rig.skopeo('copy', toHere, local('arm64'), at('del:a'));
      await rig.skopeo('copy', toHere, local('amd64'), at('del:b'));
      await rig.skopeo('delete', here, at('del:a'));
      await expect(rig.skopeo('inspect', here, at('del:a'))).rejects.toThrow(/manifest unknown/);
      await rig.skopeo('inspect', here, at('del:b'));
      const api = new ApiClient(registry.port);
      expect((await api.get('/v2/del/tags/list')).json()).toEqual({ name: 'del', tags: ['b'] });
      api.close();
    });

    test('four pushes of one index at once all succeed', async () => {
      const names = [1, 2, 3, 4].map((number) => at(`par${number}:x`));
      await Promise.all(
        names.map((name) => rig.skopeo('copy', '--all', toHere, local('multi'), name)),
      );
    });
  });
});
