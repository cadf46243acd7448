/** Libraries are loaded by what uses them: each takes memory of every process, for as long as it runs. */

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ApiClient } from '../support/api-client.ts';
import { startRegistry } from '../support/registry.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';

vi.setConfig({ testTimeout: 120_000 });

const teller = fileURLToPath(new URL('../support/tell-modules.mjs', import.meta.url));
let folder: TempFolder;

beforeAll(async () => {
  folder = await tempFolder();
});
afterAll(async () => folder.remove());

/** Names of the packages that a registry has loaded by the time that it has taken and given a small and a large blob. */
async function packagesOf(name: string, config: Record<string, unknown>): Promise<Set<string>> {
  const told = join(folder.path, name);
  const registry = await startRegistry({
    config,
    env: { LOADED_MODULES: told, NODE_OPTIONS: `--import ${teller}` },
  });
  const api = new ApiClient(registry.port);
  try {
    for (const bytes of [randomBytes(1000), randomBytes(2 * 1024 * 1024)]) {
      const digest = await api.pushBlob('team/app', bytes);
      expect((await api.get(`/v2/team/app/blobs/${digest}`)).body).toEqual(bytes);
    }
  } finally {
    api.close();
    await registry.stop('SIGKILL');
  }
  const names = new Set<string>();
  for (const line of (await readFile(told, 'utf8')).split('\n')) {
    const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(line) ?? [];
    if (name !== undefined) names.add(name);
  }
  return names;
}

it('a registry on files loads what reads its configuration, logs and runs threads, and nothing else', async () => {
  const packages = await packagesOf('files', {});
  expect([...packages].sort()).toEqual(['lru-cache', 'pino', 'piscina', 're2js', 'yaml']);
});

it('the library of metrics is loaded where they are on', async () => {
  const packages = await packagesOf('metrics', {
    http: { debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } },
  });
  expect(packages).toContain('prom-client');
});
