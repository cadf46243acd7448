/** Generated URLs: what `Location` and `Link` hold, by `http.host`, `http.relativeurls` and forwarding headers (reference 1.5). */

import type { Exchange } from './exchange.ts';

export interface UrlSettings {
  /** `http.host`, if it has scheme and host: path as the operator wrote it, with a trailing slash. */
  readonly host: string | undefined;
  readonly relative: boolean;
  /** `http.prefix`; `/` when unset. */
  readonly prefix: string;
}

/** `http.host` as the root of URLs; `undefined` when it lacks scheme or host (then it is not used). */
export function hostRoot(host: string | undefined): string | undefined {
  if (host === undefined || !URL.canParse(host)) {
    return undefined;
  }
  const url = new URL(host);
  if (url.host === '') {
    return undefined;
  }
  const path = url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/`;
  return `${url.protocol}//${url.host}${path}`;
}

/** What `v2/…` is appended to; ends in `/`. */
export function urlRoot(exchange: Exchange, settings: UrlSettings): string {
  if (settings.host !== undefined) {
    return settings.host;
  }
  if (settings.relative) {
    return settings.prefix;
  }
  const { scheme, host } = origin(exchange);
  return host === '' ? settings.prefix : `${scheme}://${host}${settings.prefix}`;
}

function origin(exchange: Exchange): { scheme: string; host: string } {
  let scheme = exchange.isTls ? 'https' : 'http';
  let host = exchange.header('host') ?? '';
  const forwarded = exchange.header('forwarded');
  if (forwarded !== undefined) {
    const first = parseForwarded(forwarded);
    scheme = first?.get('proto') ?? scheme;
    host = first?.get('host') ?? host;
    return { scheme: fitScheme(scheme), host: fitHost(host) };
  }
  scheme = exchange.header('x-forwarded-proto') ?? scheme;
  host = exchange.header('x-forwarded-host')?.split(',', 1)[0]?.trim() || host;
  return { scheme: fitScheme(scheme), host: fitHost(host) };
}

/** These come from whoever sends the request: what is no scheme or host must not be printed into a header. */
function fitScheme(text: string): string {
  const first = text.split(',', 1)[0]?.trim().toLowerCase() ?? '';
  return /^[a-z][a-z0-9+.-]*$/.test(first) ? first : 'http';
}

function fitHost(text: string): string {
  return /^[A-Za-z0-9._~:[\]-]+$/.test(text) ? text : '';
}

/** Parameters of the first element of a Forwarded header (RFC 7239); `undefined` when it is malformed. */
export function parseForwarded(text: string): ReadonlyMap<string, string> | undefined {
  const parameters = new Map<string, string>();
  const pair = /\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*/y;
  for (;;) {
    const match = pair.exec(text);
    const name = match?.[1]?.toLowerCase();
    if (match === null || name === undefined || parameters.has(name)) {
      return undefined;
    }
    parameters.set(name, match[2]?.replace(/\\(.)/g, '$1') ?? match[3] ?? '');
    const next = text[pair.lastIndex];
    if (next === undefined || next === ',') {
      return parameters;
    }
    if (next !== ';') {
      return undefined;
    }
    pair.lastIndex += 1;
  }
}

export function blobUrl(root: string, name: string, digest: string): string {
  return `${root}v2/${name}/blobs/${digest}`;
}

export function manifestUrl(root: string, name: string, digest: string): string {
  return `${root}v2/${name}/manifests/${digest}`;
}

export function uploadUrl(root: string, name: string, id: string, state: string): string {
  return `${root}v2/${name}/blobs/uploads/${id}?_state=${encodeURIComponent(state)}`;
}
