/** One attempt to deliver one event over HTTP. endpoint.ts decides when, and what to make of the outcome. */

import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import {
  followRedirects,
  readAway,
  sendOnce,
  type WebRequest,
  webRequest,
} from '../web-request.ts';
import { eventsMediaType } from './envelope.ts';
import type { EndpointOptions } from './options.ts';

/** Posts to one URL over connections of its own that are kept between events. */
export class Poster {
  readonly #request: WebRequest;
  readonly #agents = {
    'http:': new HttpAgent({ keepAlive: true }),
    'https:': new HttpsAgent({ keepAlive: true }),
  };

  /** @throws TypeError with a text for operators when the URL or a header is malformed */
  constructor({ url, headers }: Pick<EndpointOptions, 'url' | 'headers'>) {
    this.#request = webRequest(url, 'POST', headers, { 'content-type': eventsMediaType });
  }

  /** The final status, after redirects. Rejects on transport errors and when the signal fires. */
  async post(body: string, signal: AbortSignal): Promise<number> {
    const response = await followRedirects({ ...this.#request, body }, (request) => {
      const agent = this.#agents[request.url.protocol === 'https:' ? 'https:' : 'http:'];
      return sendOnce(request, { agent, signal });
    });
    await readAway(response);
    return response.statusCode ?? 0;
  }

  close(): void {
    this.#agents['http:'].destroy();
    this.#agents['https:'].destroy();
  }
}
