/**
 * Spans of requests, authorisation, storage calls and worker jobs, set up by OpenTelemetry's standard environment
 * variables. Off by default: then nothing of OpenTelemetry is loaded and a span is a plain call (bench/tracing.ts).
 * compose makes the tracer and hands it to the rooms; otel-tracer.ts is the real one.
 */

import { CodedError, errorText } from '../errors.ts';
import type { Logger } from './logger.ts';

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** A piece of work being timed. */
export interface Span {
  setAttribute(name: string, value: string | number | boolean): void;
  /** 32 hex digits, for log lines; empty when tracing is off. */
  readonly traceId: string;
}

/** Where a span hangs: what a client's `traceparent` header said. Made by `extract`, opaque to everybody else. */
export type SpanParent = object;

export interface SpanOptions {
  /** `server` for requests served, `client` for calls to other services; `internal` when left out. */
  readonly kind?: 'server' | 'client' | 'internal';
  /** Default: the span that the caller runs in. */
  readonly parent?: SpanParent | undefined;
}

export interface Tracer {
  /** On hot paths look here before building attributes. */
  readonly isOn: boolean;
  /**
   * Runs `fn` inside a span, which ends when `fn` returns or its promise settles. What `fn` throws passes through and
   * marks the span as failed, unless it means "stopped on purpose" (`isAbort`).
   */
  span<T>(
    name: string,
    attributes: SpanAttributes,
    fn: (span: Span) => T,
    options?: SpanOptions,
  ): T;
  /** The W3C trace context of a request; `undefined` when there is none. */
  extract(header: (name: string) => string | undefined): SpanParent | undefined;
  /** W3C headers that carry the current span to another service; empty when there is none. */
  inject(): Readonly<Record<string, string>>;
  /** Sends what is left. Bounded in time, never rejects. */
  stop(): Promise<void>;
}

const noSpan: Span = { setAttribute() {}, traceId: '' };
const noHeaders: Readonly<Record<string, string>> = Object.freeze({});

export const noTracer: Tracer = {
  isOn: false,
  span: (_name, _attributes, fn) => fn(noSpan),
  extract: () => undefined,
  inject: () => noHeaders,
  stop: () => Promise.resolve(),
};

export type TracesExporter = 'otlp' | 'console';
export type OtlpProtocol = 'http/protobuf' | 'http/json';

/** What the environment asks for. */
export interface TracingChoice {
  /** Empty: off. */
  readonly exporters: readonly TracesExporter[];
  readonly protocol: OtlpProtocol;
}

const endpointVariables = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'];

/**
 * Reads `OTEL_TRACES_EXPORTER`, the protocol variables and `OTEL_SDK_DISABLED`. All other variables are read by
 * OpenTelemetry itself. With no exporter named, Distribution takes `otlp`, and its images set `none`; here it is `otlp`
 * when a collector is named and `none` else: who was told of no collector must not look for one.
 *
 * @throws CodedError `TRACING_CONFIG` a value that is not supported
 */
export function tracingChoice(env: NodeJS.ProcessEnv): TracingChoice {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') {
    return { exporters: [], protocol: 'http/protobuf' };
  }
  const isCollectorNamed = endpointVariables.some((variable) => env[variable]);
  const names = (env['OTEL_TRACES_EXPORTER'] || (isCollectorNamed ? 'otlp' : ''))
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'none');
  const exporters = names.map((name) => oneOf('OTEL_TRACES_EXPORTER', name, ['otlp', 'console']));
  const protocolVariable = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL']
    ? 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'
    : 'OTEL_EXPORTER_OTLP_PROTOCOL';
  const protocol = exporters.includes('otlp')
    ? oneOf(protocolVariable, env[protocolVariable] || 'http/protobuf', [
        'http/protobuf',
        'http/json',
      ])
    : 'http/protobuf';
  return { exporters, protocol };
}

/** @throws CodedError `TRACING_CONFIG` */
export async function createTracer(options: {
  readonly version: string;
  readonly logger: Logger;
}): Promise<Tracer> {
  const choice = tracingChoice(process.env);
  if (choice.exporters.length === 0) {
    return noTracer;
  }
  try {
    const { OtelTracer } = await import('./otel-tracer.ts');
    const tracer = await OtelTracer.create(choice, options);
    options.logger.info('traces are exported', { exporters: choice.exporters.join(',') });
    return tracer;
  } catch (error) {
    throw new CodedError(
      'TRACING_CONFIG',
      `error during open telemetry initialization: ${errorText(error)}`,
      { cause: error },
    );
  }
}

function oneOf<const V extends string>(variable: string, value: string, allowed: readonly V[]): V {
  const found = allowed.find((each) => each === value);
  if (found === undefined) {
    throw new CodedError(
      'TRACING_CONFIG',
      `error during open telemetry initialization: ${variable}=${value} is not supported; use ${allowed.join(' or ')}`,
    );
  }
  return found;
}
