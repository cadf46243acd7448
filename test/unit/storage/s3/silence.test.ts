/** A service that keeps its connections open and says nothing: calls end, health checks recover, work may take long. */

import { afterEach, describe, expect, it } from 'vitest';
import { Health } from '../../../../src/observe/health.ts';
import { drain } from '../../../support/bytes.ts';
import type { S3Call } from '../../../support/s3-fake.ts';
import { type OnFake, onFake } from '../../../support/s3-on-fake.ts';

const patience = { answerMs: 300, workMs: 2000 };
const mebibyte = 1024 * 1024;

let on: OnFake;
afterEach(() => on?.stop());

async function populated(): Promise<void> {
  on = await onFake({}, {}, patience);
  on.fake.store('d/a', 'content of a');
}

/** What S3 has at hand, and the kind of call each comes down to. */
const quick: readonly [string, S3Call, () => Promise<unknown>][] = [
  ['get', 'GetObject', () => on.driver.get('/d/a')],
  ['small put', 'PutObject', () => on.driver.put('/d/new', 'x')],
  ['open', 'GetObject', () => on.driver.open('/d/a')],
  ['stat of a file', 'HeadObject', () => on.driver.stat('/d/a')],
  ['stat of a folder', 'ListObjectsV2', () => on.driver.stat('/d')],
];

describe('while nothing is answered', () => {
  it.each(quick)(
    '%s ends after two tries, and may be tried again later',
    async (_name, call, run) => {
      await populated();
      on.fake.plan(call, { kind: 'silence' }, 100);
      const startedAtMs = performance.now();
      await expect(run()).rejects.toMatchObject({ code: 'DRIVER_UNAVAILABLE', retryable: true });
      expect(performance.now() - startedAtMs).toBeLessThan(patience.workMs);
      expect(on.fake.count(call)).toBe(2);
    },
  );

  it('stat of the root asks S3, and ends with its signal', async () => {
    await populated();
    on.fake.plan('ListObjectsV2', { kind: 'silence' }, 100);
    const limit = new AbortController();
    const stat = on.driver.stat('/', { signal: limit.signal });
    await expect.poll(() => on.fake.count('ListObjectsV2')).toBe(1);
    limit.abort();
    await expect(stat).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('when connections are forgotten on the way', () => {
  it.each(quick)('%s goes through at the second try, on a new one', async (_name, call, run) => {
    await populated();
    await Promise.all(Array.from({ length: 10 }, () => on.driver.get('/d/a')));
    await Promise.all(Array.from({ length: 10 }, async () => drain(await on.driver.open('/d/a'))));
    on.fake.forgetConnections();
    on.fake.forgetCalls();
    await run();
    expect(on.fake.count(call)).toBeLessThanOrEqual(2);
  });

  it('a health check passes again at the next probe', async () => {
    await populated();
    await on.driver.stat('/');
    on.fake.plan('ListObjectsV2', { kind: 'silence' });
    const health = new Health();
    health.add({
      name: 'storagedriver_s3aws',
      intervalMs: 50,
      threshold: 1,
      timeoutMs: 100,
      run: async (signal) => {
        await on.driver.stat('/', { signal });
      },
    });
    await health.start();
    expect(health.isHealthy).toBe(false);
    await expect.poll(() => health.isHealthy, { timeout: 1000 }).toBe(true);
    health.stop();
  });
});

describe('an answer that takes S3 some work', () => {
  const slowly: readonly [string, S3Call, () => Promise<unknown>][] = [
    ['copy', 'CopyObject', () => on.driver.move('/d/a', '/d/b')],
    ['list', 'ListObjectsV2', () => on.driver.list('/d')],
    ['large put', 'PutObject', () => on.driver.put('/d/new', Buffer.alloc(2 * mebibyte))],
  ];

  it.each(slowly)('is waited for: %s', async (_name, call, run) => {
    await populated();
    on.fake.plan(call, { kind: 'late answer', afterMs: 3 * patience.answerMs });
    await run();
    expect(on.fake.count(call)).toBe(1);
  });
});
