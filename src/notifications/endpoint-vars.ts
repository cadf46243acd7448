/** An endpoint as `/debug/vars` shows it: Distribution's shape, secrets masked. */

import { maskedUrl } from '../options/masked-url.ts';
import type { Endpoint } from './endpoint.ts';
import type { EndpointOptions } from './options.ts';

const nanosecondsPerMs = 1_000_000;
const mask = '***';

/** Durations in nanoseconds. */
export interface EndpointVars {
  readonly name: string;
  readonly url: string;
  readonly Headers: Readonly<Record<string, readonly string[]>>;
  readonly Timeout: number;
  readonly Threshold: number;
  readonly Backoff: number;
  readonly IgnoredMediaTypes: readonly string[];
  readonly Ignore: { readonly MediaTypes: readonly string[]; readonly Actions: readonly string[] };
  readonly Metrics: {
    readonly Pending: number;
    readonly Events: number;
    readonly Successes: number;
    readonly Failures: number;
    readonly Errors: number;
    readonly Statuses: Readonly<Record<string, number>>;
    /** Not in Distribution. */
    readonly DeadLetters: number;
  };
}

export function describeEndpoint(options: EndpointOptions, endpoint: Endpoint): EndpointVars {
  const state = endpoint.state();
  return {
    name: options.name,
    url: maskedUrl(options.url),
    Headers: Object.fromEntries(
      Object.entries(options.headers).map(([name, values]) => [name, values.map(() => mask)]),
    ),
    Timeout: endpoint.timeoutMs * nanosecondsPerMs,
    Threshold: endpoint.threshold,
    Backoff: endpoint.backoffMs * nanosecondsPerMs,
    IgnoredMediaTypes: options.ignoredmediatypes,
    Ignore: { MediaTypes: options.ignore.mediatypes, Actions: options.ignore.actions },
    Metrics: {
      Pending: state.pendingEvents,
      Events: state.events,
      Successes: state.successes,
      Failures: state.failures,
      Errors: state.errors,
      Statuses: Object.fromEntries(state.statuses),
      DeadLetters: state.deadLetters,
    },
  };
}

/** What endpoints are called in the spool, logs and metrics: each its own; `undefined` for those that are disabled. */
export function endpointKeys(
  endpoints: readonly Pick<EndpointOptions, 'name' | 'url' | 'disabled'>[],
): readonly (string | undefined)[] {
  const keys = new Set<string>();
  return endpoints.map(({ name, url, disabled }, at) => {
    if (disabled) {
      return undefined;
    }
    const plain = name || maskedUrl(url);
    const key = keys.has(plain) ? `${plain} #${at + 1}` : plain;
    keys.add(key);
    return key;
  });
}
