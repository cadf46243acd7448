/** What goes over the wire besides the call itself: checksums, user agent, credentials; and the `loglevel` option. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Logger, silentLogger } from '../../../../src/observe/logger.ts';
import { Secret } from '../../../../src/options/secret.ts';
import { createClients } from '../../../../src/storage/drivers/s3/client.ts';
import { ObjectStore } from '../../../../src/storage/drivers/s3/object-store.ts';
import type { S3Options } from '../../../../src/storage/drivers/s3/options.ts';
import { validate } from '../../../../src/storage/drivers/s3/validate.ts';
import { noise } from '../../../support/bytes.ts';
import { accessKeyOf, S3Fake } from '../../../support/s3-fake.ts';
import { type OnFake, onFake } from '../../../support/s3-on-fake.ts';
import { someS3Options } from '../../../support/s3-options.ts';

describe('headers', () => {
  let on: OnFake;
  afterEach(() => on.stop());

  it('hold no checksum that S3 does not require', async () => {
    on = await onFake({ refusesChecksums: true });
    const writer = await on.driver.openWriter('/data', { append: false });
    await writer.write(noise(6 * 1024 * 1024));
    await writer.commit();
    await on.driver.put('/a/1', 'x');
    await on.driver.put('/a/2', 'x');
    await on.driver.delete('/a');
    for (const { headers } of on.fake.calls) {
      expect(Object.keys(headers).filter((name) => name.includes('checksum'))).toEqual([]);
    }
    expect(on.fake.calls.at(-1)).toMatchObject({
      call: 'DeleteObjects',
      headers: { 'content-md5': expect.any(String) },
    });
  });

  it('hold the configured user agent', async () => {
    on = await onFake({}, { useragent: 'our-registry' });
    await on.driver.put('/a', 'x');
    expect(on.fake.calls[0]?.headers['user-agent']).toContain('our-registry');
  });
});

interface SignedRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The request that a put of `x` at `a` would be. Nothing is sent. */
async function signedPut(options: S3Options): Promise<SignedRequest> {
  const { settings } = validate(options);
  const store = new ObjectStore(createClients(settings).calls, settings);
  let seen: unknown;
  store.client.middlewareStack.add(
    () => (args) => {
      seen = args.request;
      throw new Error('enough seen');
    },
    { step: 'deserialize', priority: 'low' },
  );
  await expect(store.put('a', Buffer.from('x'))).rejects.toThrow('enough seen');
  store.client.destroy();
  return seen as SignedRequest;
}

it.each([
  ['https://127.0.0.1:1', 'UNSIGNED-PAYLOAD'],
  ['http://127.0.0.1:1', '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'],
])('signs the bytes of a body sent to %s as %s', async (regionendpoint, hash) => {
  const { headers } = await signedPut(someS3Options({ regionendpoint }));
  expect(headers['x-amz-content-sha256']).toBe(hash);
});

describe('requests go', () => {
  const region = 'us-west-2';
  const own = { regionendpoint: 's3.example.com' };

  it.each<[Partial<S3Options>, string]>([
    [{}, 'https://registry.s3.us-west-2.amazonaws.com/a'],
    [{ forcepathstyle: true }, 'https://s3.us-west-2.amazonaws.com/registry/a'],
    [{ usedualstack: true }, 'https://registry.s3.dualstack.us-west-2.amazonaws.com/a'],
    [{ usefipsendpoint: true }, 'https://registry.s3-fips.us-west-2.amazonaws.com/a'],
    [{ accelerate: true }, 'https://registry.s3-accelerate.amazonaws.com/a'],
    [
      { accelerate: true, usedualstack: true },
      'https://registry.s3-accelerate.dualstack.amazonaws.com/a',
    ],
    [own, 'https://registry.s3.example.com/a'],
    [{ ...own, forcepathstyle: true }, 'https://s3.example.com/registry/a'],
    [{ ...own, secure: false }, 'http://registry.s3.example.com/a'],
  ])('with %o to %s', async (changes, url) => {
    const { regionendpoint: _, ...options } = someS3Options({ region, forcepathstyle: false });
    const { protocol, hostname, path } = await signedPut({ ...options, ...changes });
    expect(`${protocol}//${hostname}${path.split('?')[0]}`).toBe(url);
  });

  it('signed with the configured key for the configured region, there and elsewhere', async () => {
    for (const regionendpoint of ['http://127.0.0.1:1', '']) {
      const options = someS3Options({
        region,
        regionendpoint,
        accesskey: new Secret('akey'),
      });
      const { authorization } = (await signedPut(options)).headers;
      expect(authorization).toMatch(/Credential=akey\/\d{8}\/us-west-2\/s3\/aws4_request/);
    }
  });
});

describe('credentials from the environment', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('are fetched anew when the service calls them expired', async () => {
    const fake = await S3Fake.start();
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'first');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    const { accesskey, secretkey, ...options } = someS3Options({ regionendpoint: fake.endpoint });
    const { settings } = validate(options);
    const store = new ObjectStore(createClients(settings).calls, settings);
    await store.put('a', Buffer.from('x'));
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'second');
    fake.plan('PutObject', { kind: 'error', status: 400, code: 'ExpiredToken' });
    await store.put('b', Buffer.from('y'));
    expect(fake.calls.map(({ headers }) => accessKeyOf(headers))).toEqual([
      'first',
      'first',
      'second',
    ]);
    store.client.destroy();
    await fake.stop();
  });
});

it('lets connections take turns, so that none has to answer at once for what it just got', async () => {
  const ports: (number | undefined)[] = [];
  const server = createServer((request, response) => {
    ports.push(request.socket.remotePort);
    request.resume().on('end', () => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { settings } = validate(someS3Options({ regionendpoint: `http://127.0.0.1:${port}` }));
  const store = new ObjectStore(createClients(settings).calls, settings);
  await Promise.all(['a', 'b', 'c'].map((key) => store.put(key, Buffer.from('x'))));
  for (const key of ['d', 'e', 'f']) {
    await store.put(key, Buffer.from('x'));
  }
  expect(new Set(ports).size).toBe(3);
  expect(new Set(ports.slice(3)).size).toBe(3);
  store.client.destroy();
  await new Promise((resolve) => server.close(resolve));
});

describe('a call that S3 keeps refusing', () => {
  afterEach(() => vi.restoreAllMocks());

  it.each([
    ['to slow down', 503, 'SlowDown', 200],
    ['by failing', 500, 'InternalError', 10],
  ])(
    '%s is tried six times, with waits that double',
    async (_how, status, code, firstWaitMs) => {
      const on = await onFake();
      // The share of the longest wait that jitter takes.
      vi.spyOn(Math, 'random').mockReturnValue(0.2);
      on.fake.plan('PutObject', { kind: 'error', status, code }, 1000);
      await expect(on.driver.put('/a', 'x')).rejects.toMatchObject({ code: 'DRIVER_UNAVAILABLE' });
      const times = on.fake.calls.map(({ atMs }) => atMs);
      await on.stop();
      expect(times).toHaveLength(6);
      const waits = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0));
      // Least waits alone: a machine that is busy makes any of them longer.
      for (const [index, waitMs] of waits.entries()) {
        expect(waitMs).toBeGreaterThan(firstWaitMs * 2 ** index * 0.9);
      }
    },
    30_000,
  );
});

describe('a clock that is an hour off', () => {
  it('is found out by the first refusal, and corrected from then on', async () => {
    const on = await onFake({ clockAheadMs: 3_600_000 });
    await on.driver.put('/a', 'x');
    await on.driver.put('/b', 'x');
    expect(on.fake.calls.map(({ key }) => key)).toEqual(['a', 'a', 'b']);
    await on.stop();
  });
});

describe('loglevel', () => {
  async function logOf(
    loglevel:
      | 'off'
      | 'debug'
      | 'debugwithsigning'
      | 'debugwithhttpbody'
      | 'debugwithrequesterrors'
      | 'debugwithrequestretries',
  ): Promise<string> {
    const lines: unknown[] = [];
    const logger: Logger = {
      ...silentLogger,
      debug: (message, fields) => void lines.push({ message, ...fields }),
    };
    const fake = await S3Fake.start();
    const { settings } = validate(someS3Options({ regionendpoint: fake.endpoint, loglevel }));
    const store = new ObjectStore(createClients(settings, logger).calls, settings);
    fake.plan('PutObject', { kind: 'error', status: 500, code: 'InternalError' });
    await store.put('a/key', Buffer.from('blob bytes'));
    store.client.destroy();
    await fake.stop();
    return JSON.stringify(lines);
  }

  it('off says nothing', async () => {
    expect(await logOf('off')).toBe('[]');
  });

  it.each([
    ['debug', '"call":"PutObject"'],
    ['debugwithrequestretries', 's3 call was retried'],
    ['debugwithrequesterrors', 's3 request failed'],
    ['debugwithsigning', '"signedHeaders":'],
    ['debugwithhttpbody', '"bodyBytes":10'],
  ] as const)('%s says %s, and never a secret, a signature or a blob', async (level, text) => {
    const log = await logOf(level);
    expect(log).toContain(text);
    expect(log).not.toMatch(/testsecret1|Signature=|blob bytes/);
  });
});
