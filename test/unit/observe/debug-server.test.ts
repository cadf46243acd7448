import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DebugServer } from '../../../src/observe/debug-server.ts';
import { Health } from '../../../src/observe/health.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import { createMetrics } from '../../../src/observe/metrics.ts';
import { ProxyStats } from '../../../src/observe/proxy-stats.ts';
import { Secret } from '../../../src/options/secret.ts';

describe('debug server', () => {
  let health: Health;
  let server: DebugServer;
  let base: string;
  let isDiskBroken: boolean;

  beforeEach(async () => {
    isDiskBroken = false;
    health = new Health();
    health.add({
      name: 'disk',
      intervalMs: 60_000,
      threshold: 0,
      timeoutMs: 0,
      run: () => (isDiskBroken ? Promise.reject(new Error('disk is gone')) : Promise.resolve()),
    });
    server = new DebugServer({
      health,
      vars: {
        notifications: () => ({ endpoints: null }),
        proxy: () => new ProxyStats(),
        redis: () => ({ password: new Secret('hunter2') }),
        longshore: () => ({ workers: { threads: 2 } }),
      },
      prometheus: { path: '/numbers', page: createMetrics() },
      logger: silentLogger,
    });
    base = `http://${await server.listen('127.0.0.1:0')}`;
  });
  afterEach(async () => {
    health.stop();
    await server.close();
  });

  it('says 200 and {} while all is well, 503 and why otherwise', async () => {
    const well = await fetch(`${base}/debug/health`);
    expect([well.status, await well.json()]).toEqual([200, {}]);
    expect(well.headers.get('content-type')).toBe('application/json');
    isDiskBroken = true;
    await health.start();
    const ill = await fetch(`${base}/debug/health`);
    expect([ill.status, await ill.json()]).toEqual([503, { disk: 'disk is gone' }]);
  });

  it('says 503 and draining while requests are still served', async () => {
    await health.start();
    health.drain();
    const draining = await fetch(`${base}/debug/health`);
    expect([draining.status, await draining.json()]).toEqual([
      503,
      { draining: 'the server is shutting down' },
    ]);
    expect(health.isHealthy).toBe(true);
  });

  it('answers /debug/vars whatever the checks say, so that it serves as liveness probe', async () => {
    isDiskBroken = true;
    await health.start();
    expect((await fetch(`${base}/debug/vars`)).status).toBe(200);
  });

  it('shows variables in the shape of Distribution, secrets masked', async () => {
    const text = await (await fetch(`${base}/debug/vars`)).text();
    expect(text).not.toContain('hunter2');
    const counts = { Requests: 0, Hits: 0, Misses: 0, BytesPulled: 0, BytesPushed: 0 };
    expect(JSON.parse(text)).toMatchObject({
      cmdline: process.argv,
      memstats: { HeapAlloc: expect.any(Number) },
      registry: {
        notifications: { endpoints: null },
        proxy: { blobs: counts, manifests: counts },
        redis: { password: '***' },
      },
      longshore: {
        workers: { threads: 2 },
        eventLoop: { utilization: expect.any(Number), delayMs: { max: expect.any(Number) } },
      },
    });
  });

  it('serves metrics under the configured path only', async () => {
    const page = await fetch(`${base}/numbers`);
    expect(page.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(await page.text()).toContain('process_cpu_seconds_total');
    expect((await fetch(`${base}/metrics`)).status).toBe(404);
  });

  it.each([
    ['GET', '/'],
    ['POST', '/debug/health'],
    ['GET', '/debug/health/down'],
    ['GET', '/debug/pprof/symbol'],
    ['GET', '/v2/'],
  ])('answers 404 to %s %s', async (method, path) => {
    expect((await fetch(base + path, { method })).status).toBe(404);
  });

  it('takes a CPU profile that names the functions that ran', async () => {
    let isOver = false;
    const asked = fetch(`${base}/debug/pprof/profile?seconds=0.3`).finally(() => {
      isOver = true;
    });
    const turn = (): void => {
      spinForTheProfiler();
      if (!isOver) {
        setImmediate(turn);
      }
    };
    turn();
    const profile = (await (await asked).json()) as {
      nodes: { callFrame: { functionName: string } }[];
      samples: number[];
    };
    expect(profile.samples.length).toBeGreaterThan(0);
    expect(profile.nodes.map(({ callFrame }) => callFrame.functionName)).toContain(
      'spinForTheProfiler',
    );
  });

  it('takes one profile at a time, and a shorter one once the asker of the first has left', async () => {
    const leaving = new AbortController();
    const first = fetch(`${base}/debug/pprof/profile?seconds=60`, { signal: leaving.signal });
    // The second can only be refused when the first has begun.
    await expect
      .poll(async () => (await fetch(`${base}/debug/pprof/profile?seconds=0.01`)).status)
      .toBe(503);
    leaving.abort();
    await expect(first).rejects.toThrow();
    await expect
      .poll(async () => (await fetch(`${base}/debug/pprof/profile?seconds=0.01`)).status)
      .toBe(200);
  });

  it.each(['0', '-1', '61', 'long'])('refuses a profile of %s seconds', async (seconds) => {
    const answer = await fetch(`${base}/debug/pprof/profile?seconds=${seconds}`);
    expect(answer.status).toBe(400);
  });

  it('writes a heap snapshot', async () => {
    const answer = await fetch(`${base}/debug/pprof/heap`);
    expect(answer.headers.get('content-disposition')).toContain('.heapsnapshot');
    const reader = answer.body?.getReader();
    const piece = await reader?.read();
    expect(
      Buffer.from(piece?.value ?? [])
        .toString()
        .slice(0, 12),
    ).toBe('{"snapshot":');
    await reader?.cancel();
  });

  it('fails to listen with one clear line', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => holder.once('listening', resolve));
    const addr = `127.0.0.1:${(holder.address() as { port: number }).port}`;
    const second = new DebugServer({
      health,
      vars: { notifications: () => null, proxy: () => null },
      logger: silentLogger,
    });
    await expect(second.listen(addr)).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: expect.stringContaining(`debug server cannot listen on ${addr}: `),
    });
    await expect(second.listen('5001')).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
    await new Promise((resolve) => holder.close(resolve));
  });
});

/** Busy for some milliseconds, under a name to look for. */
function spinForTheProfiler(): number {
  let sum = 0;
  for (let i = 0; i < 2_000_000; i += 1) {
    sum += Math.sqrt(i);
  }
  return sum;
}
