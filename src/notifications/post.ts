/** One attempt to deliver one event over HTTP. endpoint.ts decides when, and what to make of the outcome. */

import { eventsMediaType } from './envelope.ts';
import type { EndpointOptions } from './options.ts';

/** An answer longer than this is not read to its end; its connection is closed instead of kept. */
const answerLimitBytes = 65_536;

/** Where an endpoint's events go. */
export interface PostTarget {
  readonly url: string;
  readonly headers: Headers;
}

/** @throws TypeError with a text for operators when the URL or a header is malformed */
export function postTarget(options: Pick<EndpointOptions, 'url' | 'headers'>): PostTarget {
  const url = new URL(options.url);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TypeError(`"${url.protocol}" is neither http: nor https:`);
  }
  const headers = new Headers({ 'content-type': eventsMediaType });
  for (const [name, values] of Object.entries(options.headers)) {
    for (const value of values) {
      headers.append(name, value.reveal());
    }
  }
  if (!headers.has('user-agent')) {
    headers.set('user-agent', 'longshore');
  }
  if (url.username !== '' && !headers.has('authorization')) {
    // fetch refuses URLs with credentials; Distribution sends them as Basic.
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
  }
  url.username = '';
  url.password = '';
  return { url: url.href, headers };
}

/** The final status, after redirects. Rejects on transport errors and when the signal fires. */
export async function postBody(
  target: PostTarget,
  body: string,
  signal: AbortSignal,
): Promise<number> {
  const response = await fetch(target.url, {
    method: 'POST',
    headers: target.headers,
    body,
    signal,
  });
  if (response.body !== null) {
    let left = answerLimitBytes;
    for await (const piece of response.body) {
      left -= piece.length;
      if (left < 0) {
        break;
      }
    }
  }
  return response.status;
}
