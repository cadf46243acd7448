/**
 * One attempt to deliver one event over HTTP. endpoint.ts decides when, and what to make of the outcome.
 * Over node:http and not fetch, whose requests cost the main thread three times as much.
 */

import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { hasCode } from '../errors.ts';
import { eventsMediaType } from './envelope.ts';
import type { EndpointOptions } from './options.ts';

/** An answer longer than this is not read to its end; its connection is closed instead of kept. */
const answerLimitBytes = 65_536;
/** As Go's client. */
const maxRedirects = 10;

type PostHeaders = Readonly<Record<string, string | readonly string[]>>;

interface Attempt {
  readonly url: URL;
  readonly method: 'POST' | 'GET';
  readonly headers: PostHeaders;
  readonly body: string;
}

/** Posts to one URL over connections of its own that are kept between events. */
export class Poster {
  readonly #url: URL;
  readonly #headers: PostHeaders;
  readonly #agents = {
    'http:': new HttpAgent({ keepAlive: true }),
    'https:': new HttpsAgent({ keepAlive: true }),
  };

  /** @throws TypeError with a text for operators when the URL or a header is malformed */
  constructor(options: Pick<EndpointOptions, 'url' | 'headers'>) {
    this.#url = new URL(options.url);
    if (!isHttp(this.#url)) {
      throw new TypeError(`"${this.#url.protocol}" is neither http: nor https:`);
    }
    this.#headers = postHeaders(options.headers, this.#url);
    this.#url.username = '';
    this.#url.password = '';
  }

  /** The final status, after redirects. Rejects on transport errors and when the signal fires. */
  async post(body: string, signal: AbortSignal): Promise<number> {
    let attempt: Attempt = { url: this.#url, method: 'POST', headers: this.#headers, body };
    for (let redirects = 0; ; redirects += 1) {
      const response = await this.#ask(attempt, signal);
      await readAway(response);
      const status = response.statusCode ?? 0;
      const next = redirected(attempt, status, response.headers.location);
      if (next === undefined) {
        return status;
      }
      if (redirects === maxRedirects) {
        throw new Error(`stopped after ${maxRedirects} redirects`);
      }
      attempt = next;
    }
  }

  close(): void {
    this.#agents['http:'].destroy();
    this.#agents['https:'].destroy();
  }

  async #ask(attempt: Attempt, signal: AbortSignal): Promise<IncomingMessage> {
    try {
      return await this.#askOnce(attempt, signal);
    } catch (error) {
      if (error instanceof StaleConnectionError) {
        return this.#askOnce(attempt, signal);
      }
      throw error;
    }
  }

  #askOnce(attempt: Attempt, signal: AbortSignal): Promise<IncomingMessage> {
    const { url, method, headers, body } = attempt;
    const isTls = url.protocol === 'https:';
    return new Promise((resolve, reject) => {
      const request = (isTls ? httpsRequest : httpRequest)(url, {
        method,
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        agent: this.#agents[isTls ? 'https:' : 'http:'],
        signal,
      });
      request.once('response', resolve);
      request.once('error', (error) => {
        // A receiver may close an idle connection just when the next event goes out: no failure of its.
        const isStale = request.reusedSocket && hasCode(error, 'ECONNRESET') && !signal.aborted;
        reject(isStale ? new StaleConnectionError() : error);
      });
      request.end(body);
    });
  }
}

class StaleConnectionError extends Error {}

function isHttp(url: URL): boolean {
  return url.protocol === 'http:' || url.protocol === 'https:';
}

/** Configured headers are added to ours, not put in their place, as with Distribution. */
function postHeaders(configured: EndpointOptions['headers'], url: URL): PostHeaders {
  const checked = new Headers();
  const headers: Record<string, string[]> = { 'content-type': [eventsMediaType] };
  for (const [name, values] of Object.entries(configured)) {
    for (const value of values) {
      // Refuses malformed names and values now, rather than at the first event.
      checked.append(name, value.reveal());
      const key = name.toLowerCase();
      headers[key] = [...(headers[key] ?? []), value.reveal()];
    }
  }
  headers['user-agent'] ??= ['longshore'];
  if (url.username !== '') {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers['authorization'] ??= [`Basic ${Buffer.from(pair).toString('base64')}`];
  }
  return Object.fromEntries(
    Object.entries(headers).map(([name, values]) => [
      name,
      values.length === 1 ? (values[0] ?? '') : values,
    ]),
  );
}

/** The request that a redirect asks for; `undefined` when the answer is final. */
function redirected(
  attempt: Attempt,
  status: number,
  location: string | undefined,
): Attempt | undefined {
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
    url,
    method: keepsBody ? attempt.method : 'GET',
    body: keepsBody ? attempt.body : '',
    headers: Object.fromEntries(
      Object.entries(attempt.headers).filter(([name]) => !dropped.includes(name)),
    ),
  };
}

/** To the end, so that the connection can be used again; or not, when there is too much of it. */
async function readAway(response: IncomingMessage): Promise<void> {
  let left = answerLimitBytes;
  for await (const piece of response) {
    left -= (piece as Buffer).length;
    if (left < 0) {
      break;
    }
  }
}
