import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ClientGoneError } from '../../../src/errors.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import {
  createTracer,
  noTracer,
  type Tracer,
  tracingChoice,
} from '../../../src/observe/tracing.ts';
import { collectLogger } from '../../support/collect-logger.ts';
import { HttpSink } from '../../support/http-sink.ts';

interface OtlpSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly status: { readonly code?: number };
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
}

describe('the choice of the environment', () => {
  it('is off by default, and with none or a disabled SDK', () => {
    expect(tracingChoice({}).exporters).toEqual([]);
    expect(tracingChoice({ OTEL_TRACES_EXPORTER: 'none' }).exporters).toEqual([]);
    expect(
      tracingChoice({ OTEL_TRACES_EXPORTER: 'otlp', OTEL_SDK_DISABLED: 'true' }).exporters,
    ).toEqual([]);
  });

  it.each(['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'])(
    'is OTLP when a collector is named by %s, unless the exporter says otherwise',
    (variable) => {
      const named = { [variable]: 'http://collector:4318' };
      expect(tracingChoice(named).exporters).toEqual(['otlp']);
      expect(tracingChoice({ ...named, OTEL_TRACES_EXPORTER: '' }).exporters).toEqual(['otlp']);
      expect(tracingChoice({ ...named, OTEL_TRACES_EXPORTER: 'none' }).exporters).toEqual([]);
      expect(tracingChoice({ ...named, OTEL_TRACES_EXPORTER: 'console' }).exporters).toEqual([
        'console',
      ]);
      expect(tracingChoice({ ...named, OTEL_SDK_DISABLED: 'true' }).exporters).toEqual([]);
      expect(tracingChoice({ [variable]: '' }).exporters).toEqual([]);
    },
  );

  it('speaks protobuf unless told otherwise, the traces variable first', () => {
    const otlp = { OTEL_TRACES_EXPORTER: 'otlp' };
    expect(tracingChoice(otlp).protocol).toBe('http/protobuf');
    expect(
      tracingChoice({
        ...otlp,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
      }).protocol,
    ).toBe('http/json');
  });

  it.each([
    [{ OTEL_TRACES_EXPORTER: 'zipkin' }, 'OTEL_TRACES_EXPORTER=zipkin is not supported'],
    [
      { OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      'OTEL_EXPORTER_OTLP_PROTOCOL=grpc is not supported; use http/protobuf or http/json',
    ],
  ])('%o stops the start', (env, message) => {
    expect(() => tracingChoice(env)).toThrow(message);
  });
});

describe('tracing when off', () => {
  it('calls through and gives no headers', async () => {
    vi.stubEnv('OTEL_TRACES_EXPORTER', undefined);
    expect(await createTracer({ version: '1', logger: silentLogger })).toBe(noTracer);
    expect(noTracer.span('a', {}, (span) => span.traceId + 7)).toBe('7');
    expect(noTracer.extract(() => '00-x')).toBeUndefined();
    expect(noTracer.inject()).toEqual({});
    vi.unstubAllEnvs();
  });
});

describe('tracing over OTLP', () => {
  let collector: HttpSink;
  let tracer: Tracer;
  beforeEach(async () => {
    collector = await new HttpSink().open();
    vi.stubEnv('OTEL_TRACES_EXPORTER', 'otlp');
    vi.stubEnv('OTEL_EXPORTER_OTLP_PROTOCOL', 'http/json');
    vi.stubEnv('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', collector.url);
    vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'deployment.environment=test');
    tracer = await createTracer({ version: '9.9', logger: silentLogger });
  });
  afterEach(async () => {
    await tracer.stop();
    vi.unstubAllEnvs();
    await collector.close();
  });

  /** Stops the tracer and gives everything it sent. */
  async function sent(): Promise<{ spans: Map<string, OtlpSpan>; resource: string }> {
    await tracer.stop();
    const documents = collector.received.map(({ body }) => JSON.parse(body));
    const resources = documents.flatMap((document) => document.resourceSpans);
    const spans: OtlpSpan[] = resources.flatMap(({ scopeSpans }) =>
      scopeSpans.flatMap((scope: { spans: OtlpSpan[] }) => scope.spans),
    );
    return {
      spans: new Map(spans.map((span) => [span.name, span])),
      resource: JSON.stringify(resources[0]?.resource),
    };
  }

  it('hangs a request under the client’s trace, and a storage call under the request, across awaits', async () => {
    const traceId = 'a'.repeat(32);
    const parent = tracer.extract((name) =>
      name === 'traceparent' ? `00-${traceId}-${'b'.repeat(16)}-01` : undefined,
    );
    await tracer.span(
      'GET /v2/',
      { 'http.request.method': 'GET' },
      async (request) => {
        await new Promise((resolve) => setImmediate(resolve));
        expect(request.traceId).toBe(traceId);
        await tracer.span('Stat', {}, async (span) => span.setAttribute('found', true));
      },
      { kind: 'server', parent },
    );
    const { spans, resource } = await sent();
    expect(spans.get('GET /v2/')).toMatchObject({
      traceId,
      parentSpanId: 'b'.repeat(16),
      kind: 2,
      attributes: [{ key: 'http.request.method', value: { stringValue: 'GET' } }],
    });
    expect(spans.get('Stat')).toMatchObject({
      traceId,
      parentSpanId: spans.get('GET /v2/')?.spanId,
      attributes: [{ key: 'found', value: { boolValue: true } }],
    });
    for (const part of ['"longshore"', '"9.9"', '"deployment.environment"']) {
      expect(resource).toContain(part);
    }
  });

  it('keeps concurrent requests apart', async () => {
    const child = (name: string): Promise<void> =>
      tracer.span(name, {}, async () => {
        await new Promise((resolve) => setImmediate(resolve));
        tracer.span(`${name}-child`, {}, () => undefined);
      });
    await Promise.all([child('one'), child('two')]);
    const { spans } = await sent();
    expect(spans.get('one-child')?.parentSpanId).toBe(spans.get('one')?.spanId);
    expect(spans.get('two-child')?.parentSpanId).toBe(spans.get('two')?.spanId);
    expect(spans.get('one')?.traceId).not.toBe(spans.get('two')?.traceId);
  });

  it('carries the current span to other services in W3C headers', async () => {
    const headers = tracer.span('call', {}, () => tracer.inject());
    const span = (await sent()).spans.get('call');
    expect(headers['traceparent']).toBe(`00-${span?.traceId}-${span?.spanId}-01`);
  });

  it('marks what failed, but not what was stopped on purpose, and passes both on', async () => {
    await expect(
      tracer.span('bad', {}, () => Promise.reject(new Error('no disk'))),
    ).rejects.toThrow('no disk');
    expect(() =>
      tracer.span('thrown', {}, () => {
        throw new Error('at once');
      }),
    ).toThrow('at once');
    await expect(
      tracer.span('gone', {}, () => Promise.reject(new ClientGoneError())),
    ).rejects.toThrow();
    const { spans } = await sent();
    expect(['bad', 'thrown', 'gone'].map((name) => spans.get(name)?.status.code)).toEqual([
      2, 2, 0,
    ]);
  });
});

describe('other exporters', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  it('protobuf goes to the endpoint plus /v1/traces', async () => {
    const collector = await new HttpSink().open();
    vi.stubEnv('OTEL_SERVICE_NAME', 'my-registry');
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', new URL(collector.url).origin);
    const logger = collectLogger();
    const tracer = await createTracer({ version: '1', logger });
    expect(logger.lines.map(({ message }) => message)).toEqual(['traces are exported']);
    tracer.span('GET /v2/', {}, () => undefined);
    await tracer.stop();
    const [request] = collector.received;
    expect(request?.url).toBe('/v1/traces');
    expect(request?.headers['content-type']).toBe('application/x-protobuf');
    expect(request?.body).toContain('GET /v2/');
    expect(request?.body).toContain('my-registry');
    await collector.close();
  });

  it('a collector that is away costs log lines and nothing else', async () => {
    const collector = await new HttpSink().open();
    const { url } = collector;
    await collector.close();
    vi.stubEnv('OTEL_TRACES_EXPORTER', 'otlp');
    vi.stubEnv('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', url);
    vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '200');
    const logger = collectLogger();
    const tracer = await createTracer({ version: '1', logger });
    expect(tracer.span('a', {}, () => 7)).toBe(7);
    await tracer.stop();
    expect(logger.lines.some(({ message }) => message.startsWith('open telemetry: '))).toBe(true);
  });

  it('the console gets each span, and so does the debug log', async () => {
    const printed = vi.spyOn(console, 'dir').mockImplementation(() => undefined);
    vi.stubEnv('OTEL_TRACES_EXPORTER', 'console');
    const logger = collectLogger();
    const tracer = await createTracer({ version: '1', logger });
    tracer.span('PUT /v2/a/blobs/uploads/x', {}, () => undefined);
    await tracer.stop();
    expect(printed.mock.calls[0]?.[0]).toMatchObject({ name: 'PUT /v2/a/blobs/uploads/x' });
    expect(logger.lines.find(({ message }) => message === 'span')?.fields).toMatchObject({
      name: 'PUT /v2/a/blobs/uploads/x',
    });
  });
});
