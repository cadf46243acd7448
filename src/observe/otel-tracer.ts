/**
 * The tracer over OpenTelemetry's SDK. Loaded by tracing.ts only when an exporter is configured. Keeps to its own
 * provider and context manager instead of the API's globals; only the SDK's diagnostics are global.
 */

import {
  type Context,
  type ContextManager,
  DiagLogLevel,
  diag,
  type Tracer as OtelApiTracer,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  CompositePropagator,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@opentelemetry/core';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ConsoleSpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { errorText, isAbort } from '../errors.ts';
import { within } from '../within.ts';
import type { Logger } from './logger.ts';
import type {
  OtlpProtocol,
  Span,
  SpanAttributes,
  SpanOptions,
  SpanParent,
  Tracer,
  TracingChoice,
} from './tracing.ts';

const serviceName = 'longshore';
/** A collector that is away must not hold up the end of the process. */
const stopLimitMs = 5000;
const kinds = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  internal: SpanKind.INTERNAL,
} as const;

export class OtelTracer implements Tracer {
  readonly isOn = true;
  readonly #provider: BasicTracerProvider;
  readonly #tracer: OtelApiTracer;
  readonly #contexts: ContextManager = new AsyncLocalStorageContextManager().enable();
  readonly #propagator: TextMapPropagator = new CompositePropagator({
    propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
  });

  private constructor(provider: BasicTracerProvider, version: string) {
    this.#provider = provider;
    this.#tracer = provider.getTracer(serviceName, version);
  }

  static async create(
    choice: TracingChoice,
    options: { readonly version: string; readonly logger: Logger },
  ): Promise<OtelTracer> {
    const { logger } = options;
    diag.setLogger(
      {
        error: (message) => logger.error(`open telemetry: ${message}`),
        warn: (message) => logger.warn(`open telemetry: ${message}`),
        info: (message) => logger.debug(`open telemetry: ${message}`),
        debug: (message) => logger.debug(`open telemetry: ${message}`),
        verbose: () => undefined,
      },
      { logLevel: DiagLogLevel.INFO, suppressOverrideMessage: true },
    );
    const spanProcessors: SpanProcessor[] = [];
    for (const exporter of choice.exporters) {
      spanProcessors.push(
        exporter === 'console'
          ? new SimpleSpanProcessor(new ConsoleSpanExporter())
          : new BatchSpanProcessor(await otlpExporter(choice.protocol)),
      );
    }
    if (logger.isEnabled('debug')) {
      spanProcessors.push(spansToLog(logger));
    }
    // What the environment says wins over our name.
    const resource = defaultResource()
      .merge(
        resourceFromAttributes({
          'service.name': serviceName,
          'service.version': options.version,
        }),
      )
      .merge(detectResources({ detectors: [envDetector] }));
    return new OtelTracer(new BasicTracerProvider({ resource, spanProcessors }), options.version);
  }

  span<T>(
    name: string,
    attributes: SpanAttributes,
    fn: (span: Span) => T,
    options: SpanOptions = {},
  ): T {
    const parent = (options.parent as Context | undefined) ?? this.#contexts.active();
    const span = this.#tracer.startSpan(
      name,
      { attributes, kind: kinds[options.kind ?? 'internal'] },
      parent,
    );
    const face: Span = {
      setAttribute(key, value) {
        span.setAttribute(key, value);
      },
      traceId: span.spanContext().traceId,
    };
    let result: T;
    try {
      result = this.#contexts.with(trace.setSpan(parent, span), () => fn(face));
    } catch (error) {
      endFailed(span, error);
      throw error;
    }
    if (result instanceof Promise) {
      result.then(
        () => span.end(),
        (error: unknown) => endFailed(span, error),
      );
    } else {
      span.end();
    }
    return result;
  }

  extract(header: (name: string) => string | undefined): SpanParent | undefined {
    if (header('traceparent') === undefined) {
      return undefined;
    }
    return this.#propagator.extract(ROOT_CONTEXT, header, {
      get: (read, key) => read(key),
      keys: () => [],
    });
  }

  inject(): Readonly<Record<string, string>> {
    const headers: Record<string, string> = {};
    this.#propagator.inject(this.#contexts.active(), headers, {
      set: (carrier, key, value) => {
        carrier[key] = value;
      },
    });
    return headers;
  }

  async stop(): Promise<void> {
    const ended = this.#provider.shutdown().catch((error: unknown) => {
      diag.error(`shutdown: ${errorText(error)}`);
    });
    await within(stopLimitMs, ended);
    this.#contexts.disable();
    diag.disable();
  }
}

function endFailed(span: OtelSpan, error: unknown): void {
  if (!isAbort(error)) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: errorText(error) });
    span.recordException(error instanceof Error ? error : String(error));
  }
  span.end();
}

async function otlpExporter(protocol: OtlpProtocol): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter();
}

/** A copy of each span at debug level, as Distribution writes it. */
function spansToLog(logger: Logger): SpanProcessor {
  return {
    onStart() {},
    onEnd(span: ReadableSpan) {
      const [seconds, nanoseconds] = span.duration;
      logger.debug('span', {
        name: span.name,
        traceId: span.spanContext().traceId,
        durationMs: seconds * 1000 + nanoseconds / 1e6,
        attributes: span.attributes,
      });
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
}
