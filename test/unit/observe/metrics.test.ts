import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createMetrics } from '../../../src/observe/metrics.ts';
import { noMetrics } from '../../../src/observe/no-metrics.ts';
import { ProxyStats } from '../../../src/observe/proxy-stats.ts';

/** Lines of the page that hold a sample of this name. */
function samples(page: string, name: string): string[] {
  return page
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
}

describe('metrics', () => {
  it('counts requests by handler, method in lower case and status', async () => {
    const metrics = createMetrics();
    metrics.requestStarted('manifest');
    metrics.requestStarted('manifest');
    metrics.requestFinished('manifest', 'GET', 200, 0.02, 0, 1500);
    const page = await metrics.text();
    expect(samples(page, 'registry_http_requests_total')).toEqual([
      'registry_http_requests_total{code="200",handler="manifest",method="get"} 1',
    ]);
    expect(samples(page, 'registry_http_in_flight_requests')).toEqual([
      'registry_http_in_flight_requests{handler="manifest"} 1',
    ]);
  });

  it('puts a duration into every bucket at or above it', async () => {
    const metrics = createMetrics();
    metrics.requestFinished('blob', 'HEAD', 404, 0.025, 0, 0);
    metrics.requestFinished('blob', 'HEAD', 404, 61, 0, 0);
    const page = await metrics.text();
    const counts = samples(page, 'registry_http_request_duration_seconds_bucket').map(
      (line) => line.match(/le="([^"]+)".* (\d+)$/)?.slice(1) ?? [],
    );
    expect(counts.map(([le]) => le)).toEqual(
      '0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 25 60 +Inf'.split(' '),
    );
    expect(counts.map(([, count]) => count)).toEqual([...['0', '0', ...Array(11).fill('1')], '2']);
    expect(samples(page, 'registry_http_request_duration_seconds_count')).toEqual([
      'registry_http_request_duration_seconds_count{handler="blob",method="head"} 2',
    ]);
  });

  it('has size buckets from 1 KiB doubling to 2 GiB', async () => {
    const metrics = createMetrics();
    metrics.requestFinished('blob', 'GET', 200, 0, 1025, 3 * 2 ** 30);
    const page = await metrics.text();
    const bounds = samples(page, 'registry_http_request_size_bytes_bucket').map(
      (line) => line.match(/le="([^"]+)"/)?.[1],
    );
    expect(bounds).toEqual([
      ...Array.from({ length: 22 }, (_, power) => String(1024 * 2 ** power)),
      '+Inf',
    ]);
    expect(page).toContain(
      'registry_http_response_size_bytes_bucket{le="2147483648",handler="blob"} 0',
    );
    expect(page).toContain('longshore_http_received_bytes_total 1025');
  });

  it('counts a method nobody knows as unknown, so that clients cannot make labels', async () => {
    const metrics = createMetrics();
    for (let i = 0; i < 50; i += 1) {
      metrics.requestFinished('base', `BREW${i}`, 405, 0, 0, 0);
    }
    expect(samples(await metrics.text(), 'registry_http_requests_total')).toEqual([
      'registry_http_requests_total{code="405",handler="base",method="unknown"} 50',
    ]);
  });

  it('times storage calls and cache operations under the names of Distribution', async () => {
    const metrics = createMetrics();
    metrics.storageAction('filesystem', 'GetContent', 0.004);
    metrics.storageAction('filesystem', 'GetContent', 0.004);
    metrics.cacheOperation('RepoStat', 0.001);
    metrics.cacheRequest();
    metrics.cacheRequest();
    metrics.cacheHit();
    const page = await metrics.text();
    expect(page).toContain(
      'registry_storage_action_seconds_count{driver="filesystem",action="GetContent"} 2',
    );
    expect(page).toContain('registry_storage_cache_redis_seconds_count{operation="RepoStat"} 1');
    expect(page).toContain('registry_storage_cache_requests_total 2');
    expect(page).toContain('registry_storage_cache_hits_total 1');
    expect(page).toContain('registry_storage_cache_errors_total 0');
  });

  it('prints no line of a family with labels before its first use', async () => {
    expect(await createMetrics().text()).not.toContain('registry_storage_action_seconds');
  });

  it('shows both kinds of proxy content from the start', async () => {
    const metrics = createMetrics();
    const proxy = new ProxyStats();
    metrics.watch({ proxy: () => proxy });
    proxy.miss('blob', 10, 12);
    const page = await metrics.text();
    expect(page).toContain('registry_proxy_pulled_bytes_total{type="blob"} 12');
    expect(page).toContain('registry_proxy_pushed_bytes_total{type="blob"} 10');
    expect(page).toContain('registry_proxy_hits_total{type="manifest"} 0');
  });

  it('reads workers, endpoints, spool and health when asked', async () => {
    const metrics = createMetrics();
    metrics.watch({
      workers: () => ({
        threads: 2,
        runningJobs: 1,
        queuedJobs: 7,
        queueLimit: 64,
        utilization: 0.5,
        deaths: { upload: 3, storage: 1 },
      }),
      endpoints: () => [
        {
          name: 'ci',
          pendingEvents: 3,
          pendingBytes: 900,
          oldestPendingSeconds: 4,
          events: 9,
          successes: 6,
          failures: 1,
          errors: 2,
          statuses: new Map([['200 OK', 6]]),
          deadLetters: 5,
          lostEvents: 0,
        },
      ],
      spool: () => ({ segmentBytes: 10, deadLetterBytes: 20, writeErrors: 0 }),
      healthChecks: () => [{ name: 'tcp:1', isFailing: true }],
    });
    const page = await metrics.text();
    for (const line of [
      'longshore_worker_queued_jobs 7',
      'longshore_worker_utilization_ratio 0.5',
      'longshore_worker_deaths_total{thread="upload"} 3',
      'longshore_worker_deaths_total{thread="storage"} 1',
      'registry_notifications_events_total{type="Errors",endpoint="ci"} 2',
      'registry_notifications_pending_total{endpoint="ci"} 3',
      'registry_notifications_status_total{code="200 OK",endpoint="ci"} 6',
      'longshore_notifications_dead_letters_total{endpoint="ci"} 5',
      'longshore_notifications_spool_bytes 10',
      'longshore_health_check_failing{check="tcp:1"} 1',
    ]) {
      expect(page).toContain(line);
    }
  });

  it('has one face, on or off', () => {
    const on = createMetrics();
    for (const name of Object.keys(noMetrics) as (keyof typeof noMetrics)[]) {
      expect(typeof on[name]).toBe(typeof noMetrics[name]);
    }
  });
});

describe('the dashboard and the alert rules', () => {
  const names = createMetrics().names();
  const known = new Set(
    names.flatMap((name) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]),
  );
  const metricPattern = /\b(?:registry|longshore|nodejs|process)_[a-z0-9_]+/g;

  it.each(['config/grafana-dashboard.json', 'config/alerts.yml'])(
    '%s names only metrics that exist',
    (file) => {
      const used = readFileSync(file, 'utf8').match(metricPattern) ?? [];
      expect(used.length).toBeGreaterThan(5);
      expect([...new Set(used)].filter((name) => !known.has(name))).toEqual([]);
    },
  );

  it('the dashboard is JSON whose panels each have a query', () => {
    const dashboard = JSON.parse(readFileSync('config/grafana-dashboard.json', 'utf8')) as {
      panels: { type: string; title: string; targets?: { expr: string }[] }[];
    };
    const empty = dashboard.panels
      .filter(({ type, targets }) => type !== 'row' && !targets?.every(({ expr }) => expr !== ''))
      .map(({ title }) => title);
    expect(empty).toEqual([]);
  });

  it('each alert rule has an expression, a severity and a summary, under a name of its own', () => {
    const { groups } = parse(readFileSync('config/alerts.yml', 'utf8')) as {
      groups: { rules: { alert: string; expr: string; labels: object; annotations: object }[] }[];
    };
    const rules = groups.flatMap(({ rules: inGroup }) => inGroup);
    for (const rule of rules) {
      expect(rule).toMatchObject({
        expr: expect.any(String),
        labels: { severity: expect.stringMatching(/^(warning|critical)$/) },
        annotations: { summary: expect.any(String) },
      });
    }
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });

  it('every Longshore and Distribution metric is shown or alerted on, or is listed here as detail', () => {
    const text =
      readFileSync('config/grafana-dashboard.json', 'utf8') +
      readFileSync('config/alerts.yml', 'utf8');
    const unused = names.filter(
      (name) => /^(registry|longshore)_/.test(name) && !text.includes(name),
    );
    expect(unused.sort()).toEqual(['longshore_worker_threads', 'registry_proxy_misses_total']);
  });
});
