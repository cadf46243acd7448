import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatNotice } from '../../../src/config/faults.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { faultsOf, load, loaded } from '../../support/config.ts';

const samples = new URL('../../../config/', import.meta.url);
const documents = new URL('../../support/configs/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, documents), 'utf8');

describe('each sample', () => {
  const names = readdirSync(samples).filter(
    (name) => name.endsWith('.yml') && name !== 'alerts.yml',
  );

  test('is one of those we know', () => {
    expect(names.sort()).toEqual([
      'development.yml',
      'production.yml',
      'pull-through.yml',
      's3-redis.yml',
      'tls-htpasswd.yml',
    ]);
  });

  test.each(names.filter((name) => name !== 'pull-through.yml'))(
    '%s loads without a warning',
    async (name) => {
      const result = await loadConfig({
        path: new URL(name, samples).pathname,
        env: {},
        strict: true,
      });
      expect(result.ok ? [] : result.faults.map(formatNotice)).toEqual([]);
    },
  );

  test('s3-redis.yml asks for what its name says', () => {
    const { redis, storage } = loaded(readFileSync(new URL('s3-redis.yml', samples), 'utf8'));
    expect(storage.s3?.bucket).toBe('my-registry');
    expect([storage.cache.blobdescriptor, redis.addrs]).toEqual([
      'redis',
      ['redis.example.com:6379'],
    ]);
  });

  test('that speaks of parts not in this version is refused, and no other is', () => {
    const texts = names.map(
      (name) => [name, readFileSync(new URL(name, samples), 'utf8')] as const,
    );
    const speaking = texts.filter(([, text]) => /not (part of|in) this version/i.test(text));
    const refused = texts.filter(([, text]) => !load(text).ok);
    expect(speaking).toEqual(refused);
  });

  test('pull-through.yml is refused for the one part that is not built', async () => {
    const path = new URL('pull-through.yml', samples).pathname;
    const result = await loadConfig({ path, env: {}, strict: true });
    expect(result.ok ? [] : result.faults.map(({ path: key }) => key)).toEqual(['proxy.remoteurl']);
  });
});

describe('the examples of the configuration document', () => {
  test('the development example loads without a warning', () => {
    const result = load(read('document-development.yml'), {}, true);
    expect(result.ok && result.config.storage.filesystem?.rootdirectory).toBe('/var/lib/registry');
    expect(result.ok && result.config.http.secret?.reveal()).toBe('asecretforlocaldevelopment');
  });

  /** The long example shows alternatives beside each other; its own text asks for one of each. */
  const oneOfEach = (driver: string): string => {
    const others = ['filesystem', 'azure', 'gcs', 's3', 'inmemory'].filter(
      (name) => name !== driver,
    );
    let text = read('document-full.yml');
    for (const name of [...others, 'silly', 'htpasswd', 'letsencrypt']) text = without(text, name);
    // It names middleware that nobody has, as placeholders.
    return without(without(text, 'registry'), 'repository');
  };

  const builtParts = ['proxy.remoteurl'];

  test.each([
    ['filesystem', builtParts],
    ['inmemory', builtParts],
    ['s3', builtParts],
    ['azure', ['storage.azure', ...builtParts]],
    ['gcs', ['storage.gcs', ...builtParts]],
  ])('the long example with %s is refused for exactly the parts not built', (driver, parts) => {
    const result = load(oneOfEach(driver));
    expect(result.ok ? [] : result.faults.map(({ path }) => path).sort()).toEqual(
      [...parts].sort(),
    );
  });

  test('the long example without those parts loads', () => {
    let text = oneOfEach('s3');
    for (const name of ['proxy', 'middleware']) text = without(text, name);
    const config = loaded(text);
    expect(config.storage.s3?.regionendpoint).toBe('http://myobjects.local');
    expect(config.redis.tls).toMatchObject({ enabled: false, rootcas: [], clientcas: [] });
    expect(config.validation.manifests.indexes.platforms).toBe('list');
    expect(config.http.draintimeout).toBe(60_000);
    expect(config.redis.dialtimeout).toBe(10);
  });

  test('the long example as it stands is refused for its alternatives too', () => {
    const faults = faultsOf(read('document-full.yml')).join('\n');
    expect(faults).toContain(
      'must provide exactly one storage type. Provided: [azure filesystem gcs inmemory s3]',
    );
    expect(faults).toContain('must provide exactly one type. Provided: [htpasswd silly token]');
    expect(faults).toContain("cannot specify both certificate and Let's Encrypt");
    expect(faults).toContain('no registry middleware registered with name: ARegistryMiddleware');
  });
});

/** The text without each block that begins with this key. */
function without(text: string, key: string): string {
  const kept: string[] = [];
  let skipBelow: number | undefined;
  for (const line of text.split('\n')) {
    const indent = line.search(/\S/);
    if (skipBelow !== undefined && indent > skipBelow) continue;
    skipBelow = line.trimStart().startsWith(`${key}:`) && indent <= 4 ? indent : undefined;
    if (skipBelow === undefined) kept.push(line);
  }
  return kept.join('\n');
}
