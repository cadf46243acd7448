/**
 * From a request to a reply: health gate, route, authorisation, handler, and errors into replies. The order is
 * Distribution's (reference 1.1). Knows no socket; both front ends call it.
 */

import type { Access, AccessController, Grant, TokenIssuer } from '../auth/access.ts';
import { CodedError, isAbort } from '../errors.ts';
import { createClientAddresses } from '../observe/client-address.ts';
import type { Logger } from '../observe/logger.ts';
import type { RequestClock, SpentTimes } from '../observe/phases.ts';
import { clientRequestId, requestId } from '../observe/request-log.ts';
import type { Tracer } from '../observe/tracing.ts';
import { type RepositoryName, tryParseRepositoryName } from '../oci/reference.ts';
import type { Api, Handler } from './call.ts';
import { type ErrorEntry, errorEntries, errorReply, jsonLine } from './error-reply.ts';
import type { Exchange, Reply, ReplyHeaders, RequestBody, RequestHandler } from './exchange.ts';
import { readLimited } from './read-body.ts';
import { requestInvalid, unsupported } from './refusals.ts';
import { type CallEvent, RequestCall } from './request-call.ts';
import { routeMethods } from './route-table.ts';
import { matchRoute, type RouteMatch, type RouteName } from './routes.ts';
import { urlRoot } from './urls.ts';

const apiVersion: readonly [string, string] = ['Docker-Distribution-Api-Version', 'registry/2.0'];

/** Of most requests; nobody changes a query. */
const noQuery = new URLSearchParams();

/** An OAuth2 token request is a few hundred bytes. */
const maxFormBytes = 64 * 1024;

/** What is known of a request once it ended, for logs and metrics. */
export interface RequestRecord {
  readonly exchange: Exchange;
  /** The client's id of the request, or ours once something has told it; else the log line makes one. */
  readonly knownId: string | undefined;
  /** Route's name as metrics know it; `undefined` for what is no route. */
  readonly route: RouteName | undefined;
  readonly name: string;
  readonly reference: string;
  readonly digest: string | undefined;
  readonly uploadId: string | undefined;
  readonly userName: string;
  readonly errors: readonly ErrorEntry[] | undefined;
  readonly authMs: number | undefined;
  /** Only when the log wants them. */
  readonly times: SpentTimes | undefined;
}

/** Told of each request; `compose` joins logs and metrics behind it. */
export interface RequestObserver {
  /** Whether it looks at the client's address of each request. */
  readonly wantsAddresses: boolean;
  started(route: RouteName): void;
  finished(record: RequestRecord, reply: Reply | undefined, sentBytes: number): void;
}

export interface DispatchParts {
  readonly api: Api;
  readonly access: AccessController;
  readonly logger: Logger;
  readonly observer: RequestObserver;
  readonly tracer: Tracer;
  /** True while a health check fails: everything is answered 503 (reference 5). */
  readonly isUnhealthy: () => boolean;
  /** Measures the phases of requests, when the log wants them. */
  readonly clock: RequestClock | undefined;
}

/** Facts gathered while a request runs. */
class Progress implements RequestRecord {
  readonly exchange: Exchange;
  route: RouteName | undefined;
  name = '';
  reference = '';
  digest: string | undefined;
  uploadId: string | undefined;
  userName = '';
  errors: readonly ErrorEntry[] | undefined;
  authMs: number | undefined;
  times: SpentTimes | undefined;
  #id: string | undefined;

  constructor(exchange: Exchange) {
    this.exchange = exchange;
  }

  /** Made when first asked for: most requests never need one but in their log line. */
  get id(): string {
    this.#id ??= requestId(this.exchange.header('x-request-id'));
    return this.#id;
  }

  get knownId(): string | undefined {
    return this.#id ?? clientRequestId(this.exchange.header('x-request-id'));
  }
}

export class Dispatcher implements RequestHandler {
  readonly #parts: DispatchParts;
  readonly #clientAddress: ReturnType<typeof createClientAddresses>;
  readonly #headers: ReplyHeaders;

  constructor(parts: DispatchParts) {
    this.#parts = parts;
    this.#clientAddress = createClientAddresses(parts.logger);
    this.#headers = [apiVersion, ...parts.api.settings.headers];
  }

  handle(exchange: Exchange): Reply | Promise<Reply> {
    const progress = new Progress(exchange);
    exchange.handlerState = progress;
    const { clock, observer, tracer } = this.#parts;
    if (observer.wantsAddresses) {
      void exchange.remoteAddress;
    }
    const answer = (): Reply | Promise<Reply> =>
      tracer.isOn ? this.#traced(progress, tracer) : this.#answer(progress);
    if (clock === undefined) {
      return answer();
    }
    return clock.measure((times) => {
      progress.times = times;
      return answer();
    });
  }

  /** The request's own span; those of auth and storage hang below it. */
  #traced(progress: Progress, tracer: Tracer): Reply | Promise<Reply> {
    const { exchange } = progress;
    return tracer.span(
      `${exchange.method} ${exchange.path}`,
      { 'http.request.method': exchange.method, 'url.path': exchange.path },
      async (span) => {
        const reply = await this.#answer(progress);
        span.setAttribute('http.response.status_code', reply.status);
        return reply;
      },
      { kind: 'server', parent: tracer.extract((name) => exchange.header(name)) },
    );
  }

  #answer(progress: Progress): Reply | Promise<Reply> {
    const { exchange } = progress;
    if (this.#parts.isUnhealthy()) {
      return this.#failed(progress, unhealthy(), []);
    }
    if (exchange.path === '/') {
      return { status: 200, headers: [['Cache-Control', 'no-cache']], body: '' };
    }
    const issuer = this.#parts.access.tokenIssuer;
    if (issuer !== undefined && exchange.path === issuer.path) {
      return this.#issueToken(progress, issuer);
    }
    const { prefix } = this.#parts.api.settings.urls;
    const match = matchRoute(exchange.path, prefix);
    if (match === undefined) {
      return this.#failed(progress, new CodedError('NOT_FOUND', 'page not found'), [apiVersion]);
    }
    if (match === 'malformed') {
      const error = new CodedError('REQUEST_INVALID', 'malformed request', {
        detail: 'malformed percent-encoding in the path',
      });
      return this.#failed(progress, error, [apiVersion]);
    }
    if ('redirect' in match) {
      const query = exchange.rawQuery === '' ? '' : `?${exchange.rawQuery}`;
      // Encoded anew, so that nothing of the path can break out of the header, or begin a query or a fragment.
      const location = encodeURI(match.redirect).replace(/[?#]/g, encodeURIComponent) + query;
      return { status: 301, headers: [apiVersion, ['Location', location]], body: '' };
    }
    return this.#serve(progress, match);
  }

  finished(exchange: Exchange, reply: Reply | undefined, sentBytes: number): void {
    const progress = exchange.handlerState;
    if (!(progress instanceof Progress)) {
      return;
    }
    exchange.handlerState = undefined;
    try {
      this.#parts.observer.finished(progress, reply, sentBytes);
    } catch (error) {
      // The client has its answer; a log or a metric that breaks must not take the process with it.
      this.#parts.logger.error('cannot record a finished request', { error });
    }
  }

  /** Tokens of our own (`auth.htpasswd.access`): GET with Basic credentials, POST with an OAuth2 form. */
  async #issueToken(progress: Progress, issuer: TokenIssuer): Promise<Reply> {
    const { exchange } = progress;
    try {
      if (exchange.method !== 'GET' && exchange.method !== 'POST') {
        throw unsupported();
      }
      const form = exchange.method === 'POST' ? await readForm(exchange.body) : undefined;
      const token = await issuer.issue(exchange, form);
      return {
        status: 200,
        headers: [
          ['Content-Type', 'application/json'],
          ['Cache-Control', 'no-store'],
        ],
        body: jsonLine(token),
      };
    } catch (error) {
      return this.#failed(progress, error, []);
    }
  }

  async #serve(progress: Progress, match: RouteMatch): Promise<Reply> {
    const { exchange } = progress;
    progress.route = match.route;
    progress.name = match.name;
    progress.reference = match.reference;
    this.#parts.observer.started(match.route);
    try {
      const query = exchange.rawQuery === '' ? noQuery : new URLSearchParams(exchange.rawQuery);
      const pending = this.#authorize(progress, match, query);
      const grant = pending instanceof Promise ? await pending : pending;
      progress.userName = grant.userName;
      const name = checkedName(match);
      const handler = this.#handlerFor(match.route, exchange.method);
      if (typeof handler !== 'function') {
        return this.#withHeaders(handler, false);
      }
      const isHead = exchange.method === 'HEAD';
      const call = new RequestCall(this.#parts.api, progress, name, query, grant, isHead, (event) =>
        this.#notify(progress, name, event),
      );
      const reply = await handler(call);
      return this.#withHeaders(reply, isHead);
    } catch (error) {
      return this.#failed(progress, error, this.#headers);
    }
  }

  #authorize(
    progress: Progress,
    match: RouteMatch,
    query: URLSearchParams,
  ): Promise<Grant> | Grant {
    const { access } = this.#parts;
    const { required, optional } = accessFor(match, progress.exchange.method, query);
    const startedAtMs = performance.now();
    const grant = access.authorize(progress.exchange, required, optional);
    if (!(grant instanceof Promise)) {
      return grant;
    }
    return grant.finally(() => {
      progress.authMs = performance.now() - startedAtMs;
    });
  }

  /** The handler, or the reply of a method that has none. */
  #handlerFor(route: RouteName, method: string): Handler | Reply {
    const methods = routeMethods(route, this.#parts.api.settings.isReadOnly);
    const handler = methods.get(method);
    if (handler !== undefined) {
      return handler;
    }
    const allow: readonly [string, string] = ['Allow', [...methods.keys()].sort().join(', ')];
    if (method === 'OPTIONS') {
      return { status: 200, headers: [allow], body: '' };
    }
    const error = new CodedError('UNSUPPORTED', 'The operation is unsupported.', {
      detail: this.#parts.api.settings.isReadOnly
        ? `${method} is not allowed here; the registry may be in read-only mode`
        : `${method} is not allowed here`,
    });
    return errorReply(errorEntries(error), [allow]);
  }

  #notify(
    progress: Progress,
    name: RepositoryName,
    { action, target }: CallEvent,
  ): Promise<void> | void {
    const { api } = this.#parts;
    const { exchange } = progress;
    return api.events.record({
      action,
      target: { ...target, repository: name },
      origin: {
        requestId: progress.id,
        clientAddress: this.#clientAddress(exchange),
        host: exchange.header('host') ?? '',
        method: exchange.method,
        userAgent: exchange.header('user-agent') ?? '',
        userName: progress.userName || basicUser(exchange.header('authorization')),
        urlRoot: urlRoot(exchange, api.settings.urls),
      },
    });
  }

  #withHeaders(reply: Reply, isHead: boolean): Reply {
    const headers = [...this.#headers, ...reply.headers];
    const { body } = reply;
    if (!isHead || body === undefined) {
      return { ...reply, headers };
    }
    const sizeBytes =
      typeof body === 'string'
        ? Buffer.byteLength(body)
        : 'length' in body
          ? body.length
          : undefined;
    return {
      status: reply.status,
      headers:
        sizeBytes === undefined ? headers : [...headers, ['Content-Length', String(sizeBytes)]],
    };
  }

  #failed(progress: Progress, error: unknown, headers: ReplyHeaders): Reply {
    const entries = errorEntries(error);
    progress.errors = entries;
    if (entries[0].code === 'UNKNOWN' && !isAbort(error)) {
      // A failure of ours is logged with the client's address, whatever the level.
      void progress.exchange.remoteAddress;
      this.#parts.logger.error('request failed', { path: progress.exchange.path, error });
    }
    const reply = errorReply(entries, headers, error);
    return progress.exchange.method === 'HEAD' ? headOnly(reply) : reply;
  }
}

async function readForm(body: RequestBody): Promise<URLSearchParams> {
  const bytes = await readLimited(body, maxFormBytes);
  if (bytes === undefined) {
    throw requestInvalid('form too large');
  }
  return new URLSearchParams(bytes.toString('utf8'));
}

function headOnly(reply: Reply): Reply {
  const length = Buffer.byteLength(typeof reply.body === 'string' ? reply.body : '');
  return {
    status: reply.status,
    headers: [...reply.headers, ['Content-Length', String(length)]],
  };
}

function unhealthy(): CodedError {
  return new CodedError('UNAVAILABLE', 'service unavailable', {
    detail: 'health check failed: please see /debug/health',
  });
}

function checkedName(match: RouteMatch): RepositoryName {
  if (match.route === 'base' || match.route === 'catalog') {
    return '' as RepositoryName;
  }
  const name = tryParseRepositoryName(match.name);
  if (name === undefined) {
    throw new CodedError('NAME_INVALID', 'invalid repository name', {
      detail: { name: match.name.slice(0, 300) },
    });
  }
  return name;
}

const readMethods = new Set(['GET', 'HEAD']);
const writeMethods = new Set(['POST', 'PUT', 'PATCH']);

/** Reference 7.1, but for a mount's source: lacking `pull` there turns the mount into an upload (DESIGN 1). */
function accessFor(
  match: RouteMatch,
  method: string,
  query: URLSearchParams,
): { required: readonly Access[]; optional: readonly Access[] } {
  if (match.route === 'base') {
    return { required: [], optional: [] };
  }
  if (match.route === 'catalog') {
    return { required: [{ type: 'registry', name: 'catalog', action: '*' }], optional: [] };
  }
  const from = query.get('from') ?? '';
  return {
    required: actionsOf(method).map((action) => ({ type: 'repository', name: match.name, action })),
    optional: from === '' ? [] : [{ type: 'repository', name: from, action: 'pull' }],
  };
}

function actionsOf(method: string): readonly string[] {
  if (readMethods.has(method)) {
    return ['pull'];
  }
  if (writeMethods.has(method)) {
    return ['pull', 'push'];
  }
  return method === 'DELETE' ? ['delete'] : [];
}

/** User of Basic credentials, shown in events even when nothing checks them. */
function basicUser(header: string | undefined): string {
  const [scheme, encoded] = (header ?? '').split(' ', 2);
  if (scheme?.toLowerCase() !== 'basic' || encoded === undefined) {
    return '';
  }
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? '' : text.slice(0, colon);
}
