/**
 * A client of the registry's HTTP API for tests: one method per request, replies as values, and the few pushes that
 * most tests begin with. It asserts nothing.
 */

import { createHash } from 'node:crypto';
import { Agent, type IncomingHttpHeaders } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { call } from './http-call.ts';

export interface ApiRequest {
  readonly headers?: Record<string, string | string[]>;
  /** A Buffer or text goes with Content-Length, an iterable in chunked coding. */
  readonly body?: Buffer | string | Iterable<Buffer> | AsyncIterable<Buffer>;
}

export interface ApiReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  /** The body as JSON; throws when it is not exactly one document. */
  json(): unknown;
  /** Codes of the error envelope. */
  codes(): string[];
}

export interface ApiClientOptions {
  readonly keepAlive?: boolean;
  /** PEM of the authority that signed the server's certificate: the client then speaks TLS. */
  readonly ca?: string;
  /** What stands before `v2/` in paths that the client makes. Those the server gave out are used as they are. */
  readonly prefix?: string;
}

export class ApiClient {
  readonly port: number;
  readonly #agent: Agent;
  readonly #prefix: string;

  constructor(port: number, options: ApiClientOptions = {}) {
    const { keepAlive = true, ca, prefix = '/' } = options;
    this.port = port;
    this.#prefix = prefix;
    const settings = { keepAlive, maxSockets: 32 };
    this.#agent = ca === undefined ? new Agent(settings) : new TlsAgent({ ...settings, ca });
  }

  /** @param target  Path, or an absolute URL such as a Location, whose host is not looked at. */
  async send(method: string, target: string, request: ApiRequest = {}): Promise<ApiReply> {
    const { headers = {}, body } = request;
    const reply = await call(this.port, {
      method,
      path: pathOf(target.startsWith('/v2/') ? `${this.#prefix}${target.slice(1)}` : target),
      headers,
      agent: this.#agent,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? Buffer.from(body) : body }),
    });
    const text = reply.body.toString('utf8');
    return {
      status: reply.status,
      headers: reply.headers,
      body: reply.body,
      text,
      json: () => JSON.parse(text),
      codes: () =>
        (JSON.parse(text) as { errors: { code: string }[] }).errors.map(({ code }) => code),
    };
  }

  get(target: string, headers: Record<string, string> = {}): Promise<ApiReply> {
    return this.send('GET', target, { headers });
  }

  head(target: string, headers: Record<string, string> = {}): Promise<ApiReply> {
    return this.send('HEAD', target, { headers });
  }

  delete(target: string): Promise<ApiReply> {
    return this.send('DELETE', target);
  }

  /** Starts an upload and gives its Location. */
  async startUpload(name: string): Promise<string> {
    return locationOf(await this.send('POST', `/v2/${name}/blobs/uploads/`, { body: '' }));
  }

  patch(
    location: string,
    bytes: Buffer | string,
    headers: Record<string, string> = {},
  ): Promise<ApiReply> {
    return this.send('PATCH', location, { body: bytes, headers });
  }

  finishUpload(
    location: string,
    digest: string,
    bytes: Buffer | string = '',
    headers: Record<string, string> = {},
  ): Promise<ApiReply> {
    return this.send('PUT', withQuery(location, `digest=${digest}`), { body: bytes, headers });
  }

  /** Pushes a blob in one request and gives its digest. */
  async pushBlob(name: string, bytes: Buffer | string): Promise<string> {
    const digest = digestOf(bytes);
    const reply = await this.send('POST', `/v2/${name}/blobs/uploads/?digest=${digest}`, {
      body: bytes,
    });
    if (reply.status !== 201) {
      throw new Error(`blob push: ${reply.status} ${reply.text}`);
    }
    return digest;
  }

  putManifest(
    name: string,
    reference: string,
    manifest: string | Buffer | object,
    mediaType: string = ociManifest,
  ): Promise<ApiReply> {
    const body =
      typeof manifest === 'string' || Buffer.isBuffer(manifest)
        ? manifest
        : JSON.stringify(manifest);
    return this.send('PUT', `/v2/${name}/manifests/${reference}`, {
      headers: { 'content-type': mediaType },
      body,
    });
  }

  /** Pushes the empty config and an image manifest on it; gives the manifest's bytes and digest. */
  async pushImage(
    name: string,
    reference: string | undefined,
    extra: object = {},
  ): Promise<{ text: string; digest: string }> {
    await this.pushBlob(name, emptyConfig);
    const text = JSON.stringify({ ...anImage(), ...extra });
    const digest = digestOf(text);
    const reply = await this.putManifest(name, reference ?? digest, text);
    if (reply.status !== 201) {
      throw new Error(`manifest push: ${reply.status} ${reply.text}`);
    }
    return { text, digest };
  }

  close(): void {
    this.#agent.destroy();
  }
}

export const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
export const ociIndex = 'application/vnd.oci.image.index.v1+json';
export const ociConfig = 'application/vnd.oci.image.config.v1+json';
export const ociLayer = 'application/vnd.oci.image.layer.v1.tar+gzip';
export const emptyType = 'application/vnd.oci.empty.v1+json';
export const dockerManifest = 'application/vnd.docker.distribution.manifest.v2+json';
export const dockerList = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const emptyConfig = '{}';

export function digestOf(bytes: Buffer | string, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

export function aDescriptor(bytes: Buffer | string, mediaType: string, extra: object = {}): object {
  return { mediaType, digest: digestOf(bytes), size: Buffer.byteLength(bytes), ...extra };
}

/** An image manifest over the empty config, without layers. */
export function anImage(extra: object = {}): object {
  return {
    schemaVersion: 2,
    mediaType: ociManifest,
    config: aDescriptor(emptyConfig, ociConfig),
    layers: [],
    ...extra,
  };
}

export function anIndex(manifests: readonly object[], extra: object = {}): object {
  return { schemaVersion: 2, mediaType: ociIndex, manifests, ...extra };
}

export function locationOf(reply: ApiReply): string {
  const { location } = reply.headers;
  if (location === undefined) {
    throw new Error(`no Location in ${reply.status} ${reply.text}`);
  }
  return location;
}

export function withQuery(location: string, query: string): string {
  return `${location}${location.includes('?') ? '&' : '?'}${query}`;
}

/** Path and query of the `Link` to the next page. */
export function nextPage(reply: ApiReply): string | undefined {
  return /^<([^>]*)>; rel="next"$/.exec(String(reply.headers.link ?? ''))?.[1];
}

function pathOf(target: string): string {
  if (target.startsWith('/')) {
    return target;
  }
  const url = new URL(target);
  return url.pathname + url.search;
}
