/**
 * `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, which Distribution heeds and we do not: the start says so where it makes a
 * difference. Node's own agents know proxies from 22.21 and 24.5 on only, and what half of the versions do helps nobody.
 */

import { BlockList, isIP } from 'node:net';
import type { Config } from '../config/schema.ts';
import { tracingChoice } from '../observe/tracing.ts';
import { maskedUrl } from '../options/masked-url.ts';

type Environment = NodeJS.ProcessEnv;

interface Target {
  readonly what: string;
  readonly url: URL;
}

/** One line for the log, `undefined` when nothing configured would go through a proxy. */
export function ignoredProxy(config: Config, env: Environment): string | undefined {
  const isExempt = exemptions(env['NO_PROXY'] || env['no_proxy'] || '');
  const passedOver = targets(config, env).filter(
    ({ url }) => proxyVariable(url, env) !== undefined && !isExempt(url),
  );
  if (passedOver.length === 0) {
    return undefined;
  }
  const variables = new Set(passedOver.map(({ url }) => proxyVariable(url, env)));
  const whats = passedOver.map(({ what }) => what).join(', ');
  return `${[...variables].join(' and ')} set, but no proxy is used, unlike by Distribution: connections go directly to ${whats}`;
}

function targets(config: Config, env: Environment): Target[] {
  const { health, middleware, notifications, storage } = config;
  const found: Target[] = [];
  const add = (what: string, text: string): void => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url !== undefined) {
      found.push({ what: `${what} ${maskedUrl(text)}`, url });
    }
  };
  if (storage.s3 !== undefined) {
    const { region, regionendpoint, secure } = storage.s3;
    const endpoint = regionendpoint || `s3.${region}.amazonaws.com`;
    add('S3', endpoint.includes('://') ? endpoint : `http${secure ? 's' : ''}://${endpoint}`);
  }
  for (const { disabled, url } of notifications.endpoints) {
    if (!disabled) {
      add('notification endpoint', url);
    }
  }
  for (const { uri } of health.http) {
    add('health check', uri);
  }
  for (const { name, options } of middleware.storage) {
    if (name === 'cloudfront' && options['ipfilteredby'] !== 'none') {
      add('IP ranges', String(options['iprangesurl']));
    }
  }
  if (tracingChoice(env).exporters.includes('otlp')) {
    const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT } = env;
    add('traces', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || OTEL_EXPORTER_OTLP_ENDPOINT || '');
  }
  return found;
}

function proxyVariable({ protocol }: URL, env: Environment): string | undefined {
  const name = `${protocol.slice(0, -1)}_proxy`;
  return [name.toUpperCase(), name].find((variable) => env[variable]);
}

/** What Go's clients send past a proxy: this machine, and what NO_PROXY lists. */
function exemptions(noProxy: string): (url: URL) => boolean {
  const entries = noProxy
    .toLowerCase()
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  const ranges = new BlockList();
  ranges.addSubnet('127.0.0.0', 8);
  ranges.addAddress('::1', 'ipv6');
  for (const entry of entries) {
    const [, address = '', bits = ''] = /^([\d.]+|[\da-f:]+)\/(\d+)$/.exec(entry) ?? [];
    const family = isIP(address);
    if (family !== 0 && Number(bits) <= (family === 4 ? 32 : 128)) {
      ranges.addSubnet(address, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
    }
  }
  return ({ hostname, port, protocol }) => {
    const host = hostname.replace(/^\[|\]$/g, '');
    const withPort = `${host}:${port || (protocol === 'https:' ? 443 : 80)}`;
    const family = isIP(host);
    return (
      host === 'localhost' ||
      (family !== 0 && ranges.check(host, family === 4 ? 'ipv4' : 'ipv6')) ||
      entries.some((entry) => {
        const suffix = entry.replace(/^\*?\./, '');
        const isOnlyBelow = suffix !== entry;
        return (
          entry === '*' ||
          [host, withPort].some(
            (name) => name.endsWith(`.${suffix}`) || (!isOnlyBelow && name === suffix),
          )
        );
      })
    );
  };
}
