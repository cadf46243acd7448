/** The commands on stored data, as operators run them, on data that the registry and Distribution have written. */

import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import {
  ApiClient,
  aDescriptor,
  anImage,
  anIndex,
  ociConfig,
  ociLayer,
  ociManifest,
} from '../support/api-client.ts';
import { runLongshore, startRegistry } from '../support/registry.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';
import { describeWith } from '../support/tools.ts';

let master: TempFolder;
let folder: TempFolder;
/** Blob that only a deleted manifest needs, and one that the kept ones need. */
let lost: string;
let kept: string;
let tagged: string;

const repositories = '/docker/registry/v2/repositories';

async function configFor(beside: string, root = beside): Promise<string> {
  const file = `${beside}.yml`;
  const config = {
    version: 0.1,
    log: { level: 'info' },
    storage: { filesystem: { rootdirectory: root }, delete: { enabled: true } },
    http: { addr: '127.0.0.1:0' },
  };
  await writeFile(file, stringify(config));
  return file;
}

async function pushImage(
  api: ApiClient,
  name: string,
  tag: string | undefined,
  label: string,
): Promise<object> {
  const config = `{"label":"${label}"}`;
  const layer = `layer ${label}`;
  await api.pushBlob(name, config);
  await api.pushBlob(name, layer);
  const manifest = anImage({
    config: aDescriptor(config, ociConfig),
    layers: [aDescriptor(layer, ociLayer)],
  });
  const text = JSON.stringify(manifest);
  const descriptor = aDescriptor(text, ociManifest) as { digest: string };
  const reply = await api.putManifest(name, tag ?? descriptor.digest, text);
  expect(reply.status).toBe(201);
  return descriptor;
}

async function files(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('/_manifests/referrers'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .sort();
}

beforeAll(async () => {
  master = await tempFolder();
  const root = join(master.path, 'data');
  const registry = await startRegistry({ root });
  const api = new ApiClient(registry.port);
  const old = (await pushImage(api, 'team/app', 'v1', 'old')) as { digest: string };
  const current = (await pushImage(api, 'team/app', 'v1', 'new')) as { digest: string };
  tagged = current.digest;
  const arm = await pushImage(api, 'team/app', undefined, 'arm');
  const amd = await pushImage(api, 'team/app', undefined, 'amd');
  expect(
    (
      await api.putManifest(
        'team/app',
        'multi',
        anIndex([arm, amd]),
        'application/vnd.oci.image.index.v1+json',
      )
    ).status,
  ).toBe(201);
  await pushImage(api, 'team', 'latest', 'other');
  kept = await api.pushBlob('team/app', 'layer new');
  lost = await api.pushBlob('team/app', 'layer old');
  await api.delete(`/v2/team/app/manifests/${old.digest}`);
  api.close();
  await registry.stop();
});
beforeEach(async () => {
  folder = await tempFolder();
  await cp(join(master.path, 'data'), join(folder.path, 'data'), { recursive: true });
});
afterEach(() => folder.remove());
afterAll(() => master.remove());

const root = (): string => join(folder.path, 'data');
const blobFile = (digest: string): string => {
  const hex = digest.slice('sha256:'.length);
  return join(root(), 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
};

describe.each([
  [['garbage-collect', '-m']],
  [['verify']],
  [['verify', '--json', '--repair']],
  [['reindex']],
  [['notifications', 'replay']],
  [['notifications', 'replay', '--list']],
])('longshore %j', (command) => {
  it.each(['absent', 'file/absent'])(
    'fails when the root directory is not there: %s',
    async (at) => {
      await writeFile(join(folder.path, 'file'), '');
      const config = await configFor(join(folder.path, 'data'), join(folder.path, at));
      const { code, stdout, stderr } = await runLongshore([...command, config]);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toBe(
        `longshore: storage.filesystem.rootdirectory: there is no folder ${join(folder.path, at)}; mistyped, or is its volume not mounted?\n`,
      );
      expect(await readdir(folder.path)).not.toContain('absent');
    },
  );

  it('succeeds on a root directory that is empty, as that of a new registry', async () => {
    await mkdir(join(folder.path, 'new'));
    const config = await configFor(join(folder.path, 'new'));
    expect(await runLongshore([...command, config])).toMatchObject({ code: 0, stderr: '' });
  });
});

it.each([[['replay']], [['replay', '--list']]])(
  'longshore notifications %j fails when the spool folder it is told of is not there',
  async (command) => {
    const spool = join(folder.path, 'spool');
    const config = `${root()}.yml`;
    await writeFile(
      config,
      `version: 0.1\nstorage: inmemory\nnotifications: {spool: {directory: ${spool}}}\n`,
    );
    const { code, stderr } = await runLongshore(['notifications', ...command, config]);
    expect([code, stderr]).toEqual([
      1,
      `longshore: notifications.spool.directory: there is no folder ${spool}; mistyped, or is its volume not mounted?\n`,
    ]);
  },
);

describe('longshore garbage-collect', () => {
  it('removes what was deleted, logs it to stderr and ends with 0', async () => {
    const { code, stdout, stderr } = await runLongshore([
      'garbage-collect',
      await configFor(root()),
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain(`blob eligible for deletion: ${lost}\n`);
    expect(stdout).not.toContain(`blob eligible for deletion: ${kept}\n`);
    expect(stderr).toContain('Deleting blob: /docker/registry/v2/blobs/sha256/');
  });

  it('prints nothing with -q and changes nothing with -d', async () => {
    const before = await files(root());
    const config = await configFor(root());
    expect(await runLongshore(['garbage-collect', '-q', '-d=true', '-m', config])).toMatchObject({
      code: 0,
      stdout: '',
    });
    expect(await files(root())).toEqual(before);
  });

  it.each(['soon', '-1h'])('refuses --min-age=%s in one line', async (age) => {
    const { code, stderr } = await runLongshore([
      'garbage-collect',
      `--min-age=${age}`,
      await configFor(root()),
    ]);
    expect(code).toBe(1);
    expect(stderr.split('\n')[0]).toContain('--min-age takes a duration');
  });

  it('keeps images whose links are torn, says so and ends with 1, until verify has mended them', async () => {
    const config = await configFor(root());
    const revision = join(
      root(),
      repositories,
      `team/app/_manifests/revisions/sha256/${tagged.slice('sha256:'.length)}/link`,
    );
    await truncate(revision, 0);
    await truncate(join(root(), repositories, 'team/app/_manifests/tags/v1/current/link'), 0);
    for (const flags of [['-d'], [], ['-q', '-m']]) {
      const { code, stderr } = await runLongshore(['garbage-collect', ...flags, config]);
      expect(code).toBe(1);
      expect(stderr).toContain(revision.slice(root().length));
      expect(stderr).toMatch(/^longshore: \d links? .*empty, cut short.*verify --repair/m);
    }
    expect((await runLongshore(['verify', '--repair', config])).stdout).toContain('(rewritten)');
    expect((await runLongshore(['garbage-collect', config])).code).toBe(0);
    // No command can know what the tag named.
    expect((await runLongshore(['garbage-collect', '-m', config])).code).toBe(1);
    const registry = await startRegistry({ root: root() });
    const api = new ApiClient(registry.port);
    const manifest = await api.get(`/v2/team/app/manifests/${tagged}`);
    expect((await api.putManifest('team/app', 'v1', manifest.text)).status).toBe(201);
    expect((await api.get(`/v2/team/app/blobs/${kept}`)).text).toBe('layer new');
    api.close();
    await registry.stop();
    expect((await runLongshore(['garbage-collect', '-m', config])).code).toBe(0);
  });

  it('ends with 1 and one line when storage cannot be read', async () => {
    await rm(join(root(), 'docker'), { recursive: true });
    // A link that leads in a circle: reading it fails, rather than finding nothing.
    await symlink('docker', join(root(), 'docker'));
    const { code, stderr } = await runLongshore(['garbage-collect', await configFor(root())]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^longshore: failed to garbage collect: filesystem: [^\n]*ELOOP[^\n]*\n$/,
    );
  });

  // Version 2.8: it marks children of indexes twice, sweeps those of tagged indexes with -m, prints manifests without
  // their repository and leaves layer links alone. What both do is compared.
  describeWith(['docker-registry'], 'beside docker-registry on the same data', () => {
    it.each([[[]], [['-d']], [['-m']], [['-d', '-m']]])(
      'marks and sweeps the same: %j',
      async (flags) => {
        if (flags.includes('-m')) {
          await rm(join(root(), repositories, 'team/app/_manifests/tags/multi'), {
            recursive: true,
          });
        }
        const theirs = join(folder.path, 'theirs');
        await cp(root(), theirs, { recursive: true });
        const ours = await runLongshore(['garbage-collect', ...flags, await configFor(root())]);
        const { stdout } = await promisify(execFile)('docker-registry', [
          'garbage-collect',
          ...flags,
          await configFor(theirs),
        ]);
        expect(shared(ours.stdout)).toEqual(shared(stdout));
        const isLayerLink = /\/_layers\//;
        expect((await files(root())).filter((file) => !isLayerLink.test(file))).toEqual(
          (await files(theirs)).filter((file) => !isLayerLink.test(file)),
        );
      },
    );
  });
});

/** The lines that both versions print, in one order: sweeping is in random order there. */
function shared(stdout: string): string[] {
  return stdout
    .replaceAll(/(manifest eligible for deletion: )\{\S+ (\S+) .*\}/g, '$1$2')
    .split('\n')
    .filter((line) => !/layer link|marking blob/.test(line))
    .sort();
}

describe('longshore verify', () => {
  it('ends with 0 and a summary when all is well', async () => {
    const { code, stdout } = await runLongshore(['verify', '--rate=0', await configFor(root())]);
    expect(stdout).toMatch(
      /^\d+ blobs \(\d+ bytes\), 2 repositories, .*: 0 findings, 0 repaired\n$/,
    );
    expect(code).toBe(0);
  });

  it('prints findings as one JSON document and ends with 1', async () => {
    await truncate(blobFile(kept), 2);
    const { code, stdout } = await runLongshore(['verify', '--json', await configFor(root())]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      findings: [{ kind: 'corrupt-blob', digest: kept }],
      summary: { findings: 1, repaired: 0 },
    });
  });

  it('gives one JSON document too when nothing is found', async () => {
    const { stdout } = await runLongshore(['verify', '--json', await configFor(root())]);
    expect(JSON.parse(stdout)).toMatchObject({ findings: [], summary: { findings: 0 } });
  });

  it('quarantines with --repair, so that the registry does not serve the blob, and a push mends it', async () => {
    await truncate(blobFile(kept), 2);
    const { stdout } = await runLongshore(['verify', '--repair', await configFor(root())]);
    expect(stdout).toContain('(quarantined)');
    const registry = await startRegistry({ root: root() });
    const api = new ApiClient(registry.port);
    expect((await api.get(`/v2/team/app/blobs/${kept}`)).status).toBe(404);
    await api.pushBlob('team/app', 'layer new');
    expect((await api.get(`/v2/team/app/blobs/${kept}`)).text).toBe('layer new');
    api.close();
    await registry.stop();
    expect((await runLongshore(['verify', await configFor(root())])).code).toBe(0);
  });
});

describe('longshore reindex', () => {
  it('lists referrers that another registry stored, and drops those it removed', async () => {
    const registry = await startRegistry({ root: root() });
    const api = new ApiClient(registry.port);
    const subject = { mediaType: ociManifest, digest: tagged, size: 1 };
    const signed = await api.pushImage('team/app', undefined, { subject });
    const index = join(root(), repositories, 'team/app/_manifests/referrers');
    const stale = await api.pushImage('team/app', undefined, { subject, annotations: { a: 'b' } });
    await rm(
      join(root(), repositories, 'team/app/_manifests/revisions/sha256', stale.digest.slice(7)),
      { recursive: true },
    );
    await rm(join(index, 'sha256', tagged.slice(7), signed.digest.replace(':', '-')));
    const { code, stdout } = await runLongshore(['reindex', await configFor(root())]);
    expect(code).toBe(0);
    expect(stdout).toContain('team/app: 1 referrers\n');
    const listed = (await api.get(`/v2/team/app/referrers/${tagged}`)).json();
    expect(listed).toMatchObject({ manifests: [{ digest: signed.digest }] });
    api.close();
    await registry.stop();
  });

  it('does not take a referrer whose revision link is torn for a removed one', async () => {
    const registry = await startRegistry({ root: root() });
    const api = new ApiClient(registry.port);
    const subject = { mediaType: ociManifest, digest: tagged, size: 1 };
    const signed = await api.pushImage('team/app', undefined, { subject });
    const hex = signed.digest.slice('sha256:'.length);
    const config = await configFor(root());
    await truncate(
      join(root(), repositories, 'team/app/_manifests/revisions/sha256', hex, 'link'),
      0,
    );
    expect((await runLongshore(['reindex', config])).code).toBe(0);
    await runLongshore(['verify', '--repair', config]);
    const listed = (await api.get(`/v2/team/app/referrers/${tagged}`)).json();
    expect(listed).toMatchObject({ manifests: [{ digest: signed.digest }] });
    api.close();
    await registry.stop();
  });
});
