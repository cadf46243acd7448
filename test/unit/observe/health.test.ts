import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Health, type HealthCheck } from '../../../src/observe/health.ts';
import { healthChecks } from '../../../src/observe/health-checks.ts';
import type { HealthOptions } from '../../../src/observe/health-options.ts';
import { Secret } from '../../../src/options/secret.ts';
import { HttpSink } from '../../support/http-sink.ts';

const none: HealthOptions = {
  storagedriver: { enabled: false, interval: 10_000, threshold: 0, timeout: 10_000 },
  file: [],
  http: [],
  tcp: [],
};
const healthyStorage = { driverName: 'filesystem', probe: () => Promise.resolve() };

/** A check whose outcome the test sets. */
function aCheck(
  overrides: Partial<HealthCheck> = {},
): HealthCheck & { fails: boolean; runs: number } {
  const check: HealthCheck & { fails: boolean; runs: number } = {
    name: 'disk',
    intervalMs: 1000,
    threshold: 1,
    timeoutMs: 0,
    fails: false,
    runs: 0,
    run: () => {
      check.runs += 1;
      return check.fails ? Promise.reject(new Error('broken')) : Promise.resolve();
    },
    ...overrides,
  };
  return check;
}

/** One check from the section, run once. */
async function verdict(options: Partial<HealthOptions>): Promise<Record<string, string>> {
  const health = new Health();
  for (const check of healthChecks({ ...none, ...options }, healthyStorage)) {
    health.add(check);
  }
  await health.start();
  health.stop();
  return health.failures();
}

describe('health', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('runs each check at start, not after an interval', async () => {
    const health = new Health();
    const check = aCheck({ name: 'disk' });
    check.fails = true;
    health.add(check);
    await health.start();
    expect(health.isHealthy).toBe(false);
    expect(health.failures()).toEqual({ disk: 'broken' });
    health.stop();
  });

  it('fails only after as many failures in a row as the threshold says, and recovers with one success', async () => {
    const health = new Health();
    const check = aCheck({ threshold: 3 });
    check.fails = true;
    health.add(check);
    await health.start();
    await vi.advanceTimersByTimeAsync(1000);
    expect([check.runs, health.isHealthy]).toEqual([2, true]);
    await vi.advanceTimersByTimeAsync(1000);
    expect([check.runs, health.isHealthy]).toEqual([3, false]);
    check.fails = false;
    await vi.advanceTimersByTimeAsync(1000);
    expect([health.isHealthy, health.failures()]).toEqual([true, {}]);
    health.stop();
  });

  it('notices storage that blocks, by time, and leaves no more than two calls there', async () => {
    let calls = 0;
    const waiting: (() => void)[] = [];
    const health = new Health();
    const options = {
      ...none,
      storagedriver: { enabled: true, interval: 1000, threshold: 2, timeout: 500 },
    };
    const probe = (): Promise<void> => {
      calls += 1;
      return new Promise((resolve) => {
        waiting.push(resolve);
      });
    };
    for (const check of healthChecks(options, { driverName: 'filesystem', probe })) {
      health.add(check);
    }
    const started = health.start();
    await vi.advanceTimersByTimeAsync(500);
    await started;
    expect(health.isHealthy).toBe(true);
    await vi.advanceTimersByTimeAsync(1500);
    expect(health.failures()['storagedriver_filesystem']).toContain('within 500ms');
    await vi.advanceTimersByTimeAsync(5000);
    expect(health.failures()['storagedriver_filesystem']).toContain('still no answer');
    expect(calls).toBe(2);
    waiting.shift()?.();
    await vi.advanceTimersByTimeAsync(1000);
    expect(calls).toBe(3);
    waiting.pop()?.();
    await vi.advanceTimersByTimeAsync(0);
    expect(health.isHealthy).toBe(true);
    health.stop();
  });

  it('passes again at the first run that succeeds, though one before never comes back', async () => {
    const health = new Health();
    let runs = 0;
    health.add(
      aCheck({
        timeoutMs: 500,
        run: () => {
          runs += 1;
          return runs === 1 ? new Promise(() => {}) : Promise.resolve();
        },
      }),
    );
    const started = health.start();
    await vi.advanceTimersByTimeAsync(500);
    await started;
    expect(health.isHealthy).toBe(false);
    await vi.advanceTimersByTimeAsync(1000);
    expect(health.isHealthy).toBe(true);
    await vi.advanceTimersByTimeAsync(5000);
    expect([runs, health.isHealthy]).toEqual([7, true]);
    health.stop();
  });

  it('refuses two checks of one name', () => {
    const health = new Health();
    health.add(aCheck());
    expect(() => health.add(aCheck())).toThrow('Check already exists');
  });

  it('runs no check after stop', async () => {
    const health = new Health();
    const check = aCheck();
    health.add(check);
    await health.start();
    health.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(check.runs).toBe(1);
  });
});

describe('health checks', () => {
  let folder: string;
  let sink: HttpSink;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'health-'));
    sink = await new HttpSink().open();
  });
  afterEach(async () => {
    await sink.close();
    await rm(folder, { recursive: true });
  });

  it('file: fails while the file exists', async () => {
    const file = join(folder, 'down');
    expect(await verdict({ file: [{ file, interval: 0 }] })).toEqual({});
    await writeFile(file, '');
    expect(await verdict({ file: [{ file, interval: 0 }] })).toEqual({ [file]: 'file exists' });
  });

  it('http: asks with HEAD and the configured headers, and judges by status', async () => {
    const check = {
      uri: sink.url,
      headers: { authorization: [new Secret('Basic abc')] },
      statuscode: 200,
      timeout: 5000,
      interval: 0,
      threshold: 0,
    };
    expect(await verdict({ http: [check] })).toEqual({});
    expect(sink.received[0]).toMatchObject({
      method: 'HEAD',
      headers: { authorization: 'Basic abc' },
    });
    sink.answer = 500;
    expect(await verdict({ http: [check] })).toEqual({
      [sink.url]: `${sink.url}: downstream service returned unexpected status: 500`,
    });
    expect(await verdict({ http: [{ ...check, statuscode: 500 }] })).toEqual({});
  });

  it('http: follows redirects', async () => {
    const target = await new HttpSink().open();
    sink.answer = 302;
    sink.headers = { location: target.url };
    const check = {
      uri: sink.url,
      headers: {},
      statuscode: 200,
      timeout: 5000,
      interval: 0,
      threshold: 0,
    };
    expect(await verdict({ http: [check] })).toEqual({});
    expect(target.received[0]?.method).toBe('HEAD');
    await target.close();
  });

  it('http: gives up after its timeout', async () => {
    sink.answer = 'stall';
    const check = {
      uri: sink.url,
      headers: {},
      statuscode: 200,
      timeout: 20,
      interval: 0,
      threshold: 0,
    };
    expect((await verdict({ http: [check] }))[sink.url]).toContain('within 20ms');
  });

  it('tcp: connects, and says why it cannot', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const addr = `127.0.0.1:${(server.address() as { port: number }).port}`;
    const check = { addr, timeout: 5000, interval: 0, threshold: 0 };
    expect(await verdict({ tcp: [check] })).toEqual({});
    await new Promise((resolve) => server.close(resolve));
    expect((await verdict({ tcp: [check] }))[addr]).toContain(`${addr}: connection failed: `);
  });

  it('tcp: an address without a port stops the start', async () => {
    await expect(
      verdict({ tcp: [{ addr: 'redis', timeout: 0, interval: 0, threshold: 0 }] }),
    ).rejects.toThrow('health.tcp: "redis" is not HOST:PORT');
  });
});
