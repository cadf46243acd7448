/**
 * Requests to the URLs of a configuration, by the rules of the Go client that Distribution uses: user info in the URL
 * becomes Basic credentials, every port is allowed, up to ten redirects are followed. Lies underneath all rooms.
 *
 * Over node:http and not fetch, which refuses URLs with user info and some eighty ports (10080, 6000, 2049, …), and
 * whose requests cost the main thread three times as much.
 */

import { type Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { unescape as percentDecoded } from 'node:querystring';
import { hasCode } from './errors.ts';
import type { Secret } from './options/secret.ts';

export interface WebRequest {
  /** Without user info, which is among the headers. */
  readonly url: URL;
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Empty = none. */
  readonly body: string;
}

/** Headers as configured: name -> values. */
export type ConfiguredHeaders = Readonly<Record<string, readonly Secret[]>>;

/** An answer longer than this is not read to its end; its connection is closed instead of kept. */
const answerLimitBytes = 65_536;
/** As Go's client. */
const maxRedirects = 10;

/**
 * A request to `url`. Configured headers are added to `own`, not put in their place, as with Distribution.
 *
 * @param own  Names in lower case.
 * @throws TypeError with a text for operators when the URL or a header is malformed
 */
export function webRequest(
  url: string,
  method: WebRequest['method'],
  configured: ConfiguredHeaders = {},
  own: Readonly<Record<string, string>> = {},
): WebRequest {
  const checked = new Headers();
  const headers: Record<string, string[]> = {};
  for (const [name, value] of Object.entries(own)) {
    headers[name] = [value];
  }
  for (const [name, values] of Object.entries(configured)) {
    for (const value of values) {
      // Refuses malformed names and values now, rather than at the first request.
      checked.append(name, value.reveal());
      const key = name.toLowerCase();
      headers[key] = [...(headers[key] ?? []), value.reveal()];
    }
  }
  headers['user-agent'] ??= ['longshore'];
  const target = new URL(url);
  if (!isHttp(target)) {
    throw new TypeError(`"${target.protocol}" is neither http: nor https:`);
  }
  return {
    method,
    body: '',
    ...withoutUserInfo(
      target,
      Object.fromEntries(
        Object.entries(headers).map(([name, values]) => [
          name,
          values.length === 1 ? (values[0] ?? '') : values,
        ]),
      ),
    ),
  };
}

/**
 * Sends with `send`, and again to where redirects lead. Gives the final answer, whose body the caller reads away or
 * destroys. Rejects as `send` does, and after too many redirects.
 */
export async function followRedirects(
  request: WebRequest,
  send: (request: WebRequest) => Promise<IncomingMessage>,
): Promise<IncomingMessage> {
  let attempt = request;
  for (let redirects = 0; ; redirects += 1) {
    const response = await send(attempt);
    const next = redirected(attempt, response.statusCode ?? 0, response.headers.location);
    if (next === undefined) {
      return response;
    }
    await readAway(response);
    if (redirects === maxRedirects) {
      throw new Error(`stopped after ${maxRedirects} redirects`);
    }
    attempt = next;
  }
}

/**
 * Sends one request, heeding no redirect.
 *
 * @param agent  `false`: a connection of its own, closed afterwards.
 */
export async function sendOnce(
  request: WebRequest,
  options: { readonly agent: Agent | false; readonly signal: AbortSignal },
): Promise<IncomingMessage> {
  try {
    return await sent(request, options);
  } catch (error) {
    if (error instanceof StaleConnectionError) {
      return sent(request, options);
    }
    throw error;
  }
}

class StaleConnectionError extends Error {}

function sent(
  { url, method, headers, body }: WebRequest,
  { agent, signal }: { readonly agent: Agent | false; readonly signal: AbortSignal },
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      method,
      headers: {
        ...headers,
        ...(method === 'POST' && { 'content-length': Buffer.byteLength(body) }),
      },
      agent,
      signal,
    });
    request.once('response', resolve);
    request.on('error', (error) => {
      // A receiver may close an idle connection just when the next request goes out: no failure of its.
      const isStale = request.reusedSocket && hasCode(error, 'ECONNRESET') && !signal.aborted;
      reject(isStale ? new StaleConnectionError() : error);
    });
    request.end(body);
  });
}

/** To the end, so that the connection can be used again; or not, when there is too much of it. */
export async function readAway(response: IncomingMessage): Promise<void> {
  let left = answerLimitBytes;
  for await (const piece of response) {
    left -= (piece as Buffer).length;
    if (left < 0) {
      break;
    }
  }
}

function isHttp(url: URL): boolean {
  return url.protocol === 'http:' || url.protocol === 'https:';
}

function withoutUserInfo(
  given: URL,
  headers: WebRequest['headers'],
): Pick<WebRequest, 'url' | 'headers'> {
  const url = new URL(given);
  url.username = '';
  url.password = '';
  if ((given.username === '' && given.password === '') || 'authorization' in headers) {
    return { url, headers };
  }
  // A lone % stands for itself, as in curl.
  const pair = `${percentDecoded(given.username)}:${percentDecoded(given.password)}`;
  const authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
  return { url, headers: { ...headers, authorization } };
}

/** The request that a redirect asks for; `undefined` when the answer is final. */
function redirected(
  attempt: WebRequest,
  status: number,
  location: string | undefined,
): WebRequest | undefined {
  if (location === undefined || ![301, 302, 303, 307, 308].includes(status)) {
    return undefined;
  }
  const url = new URL(location, attempt.url);
  if (!isHttp(url)) {
    throw new Error(`redirect to "${url.protocol}"`);
  }
  // Secrets are for the configured host, not for whatever it points to.
  const dropped =
    url.host === attempt.url.host ? [] : ['authorization', 'cookie', 'www-authenticate', 'host'];
  const keepsBody = status === 307 || status === 308;
  return {
    method: keepsBody || attempt.method === 'HEAD' ? attempt.method : 'GET',
    body: keepsBody ? attempt.body : '',
    ...withoutUserInfo(
      url,
      Object.fromEntries(
        Object.entries(attempt.headers).filter(([name]) => !dropped.includes(name)),
      ),
    ),
  };
}
