import { expect, it } from 'vitest';
import { silentLogger } from '../../../../src/observe/logger.ts';
import type { StorageDriver } from '../../../../src/storage/driver.ts';
import { createMemoryDriver } from '../../../../src/storage/drivers/memory/driver.ts';
import { rewriteUrl } from '../../../../src/storage/middleware/rewrite.ts';
import { wrapWithMiddleware } from '../../../../src/storage/middleware/table.ts';

const path = '/docker/registry/v2/blobs/sha256/ab/abcd/data';
const request = { method: 'GET', clientAddress: '192.0.2.1' } as const;

/** Stands for s3, whose signed URLs come from a service. */
function signing(): StorageDriver {
  const driver = createMemoryDriver();
  return {
    ...methodsOf(driver),
    abilities: { ...driver.abilities, redirects: true },
    redirectUrl: (at) => Promise.resolve(`https://bucket.example:8443/root${at}?Signature=a%2Bb`),
  };
}

function methodsOf(driver: StorageDriver): StorageDriver {
  const bound: Record<string, unknown> = {};
  for (let at: object = driver; at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const key of Object.getOwnPropertyNames(at)) {
      const value: unknown = Reflect.get(driver, key);
      bound[key] ??= typeof value === 'function' ? value.bind(driver) : value;
    }
  }
  return bound as unknown as StorageDriver;
}

async function urlThrough(driver: StorageDriver, entries: object[]): Promise<string | undefined> {
  const wrapped = await wrapWithMiddleware(
    driver,
    entries.map((entry) => ({ disabled: false, name: '', options: {}, ...entry })),
    { logger: silentLogger },
  );
  return wrapped.driver.redirectUrl(path, request);
}

it('redirect sends clients of any driver to the same path below its base', async () => {
  const at = (baseurl: string) =>
    urlThrough(createMemoryDriver(), [{ name: 'redirect', options: { baseurl } }]);
  expect(await at('https://cdn.example')).toBe(`https://cdn.example${path}`);
  expect(await at('http://cdn.example:8080/mirror/?x=1')).toBe(
    `http://cdn.example:8080/mirror${path}`,
  );
});

it('a wrapped driver stores and reads as before', async () => {
  const { driver } = await wrapWithMiddleware(
    createMemoryDriver(),
    [{ name: 'redirect', disabled: false, options: { baseurl: 'https://cdn.example' } }],
    { logger: silentLogger },
  );
  expect(driver.abilities.redirects).toBe(true);
  await driver.put('/a/b', 'content');
  expect((await driver.get('/a/b')).toString()).toBe('content');
});

it('a disabled entry changes nothing', async () => {
  const driver = createMemoryDriver();
  const entry = { name: 'redirect', disabled: true, options: { baseurl: 'https://cdn.example' } };
  expect((await wrapWithMiddleware(driver, [entry], { logger: silentLogger })).driver).toBe(driver);
});

it('rewrite changes scheme, host and path of the driver’s URL and leaves its signature', async () => {
  expect(
    await urlThrough(signing(), [
      { name: 'rewrite', options: { scheme: 'http', host: 'edge', trimpathprefix: '/root' } },
    ]),
  ).toBe(`http://edge${path}?Signature=a%2Bb`);
});

it('rewrite over a driver without URLs leaves serving to the registry', async () => {
  const entry = { name: 'rewrite', options: { host: 'edge' } };
  expect(await urlThrough(createMemoryDriver(), [entry])).toBeUndefined();
});

it('the last entry is outermost', async () => {
  const redirect = { name: 'redirect', options: { baseurl: 'https://cdn.example/x' } };
  const rewrite = { name: 'rewrite', options: { host: 'edge' } };
  expect(await urlThrough(signing(), [redirect, rewrite])).toBe(`https://edge/x${path}`);
  expect(await urlThrough(signing(), [rewrite, redirect])).toBe(`https://cdn.example/x${path}`);
});

it.each([
  ['https://a/b/c?q', {}, 'https://a/b/c?q'],
  ['https://a/b/c', { trimpathprefix: '/x' }, 'https://a/b/c'],
  ['https://a/b/c', { trimpathprefix: '/b/' }, 'https://a/c'],
  ['https://a/b', { trimpathprefix: '/b' }, 'https://a'],
])('rewrites %s with %j to %s', (url, options, expected) => {
  expect(rewriteUrl(url, options)).toBe(expected);
});
