/** Plays the script against one registry and gives what each reply shows, with what must vary written out. */

import { ApiClient, type ApiReply } from '../support/api-client.ts';
import type { Step } from './script.ts';

/** Field name to value: `status`, header names, `codes`, `messages`, `detail`, `body`. */
export type Facts = ReadonlyMap<string, string>;

const comparedHeaders = [
  'accept-ranges',
  'allow',
  'cache-control',
  'content-length',
  'content-range',
  'content-type',
  'docker-content-digest',
  'docker-distribution-api-version',
  'docker-upload-uuid',
  'etag',
  'link',
  'location',
  'range',
  'www-authenticate',
  'x-content-type-options',
];

export async function play(port: number, steps: readonly Step[]): Promise<Map<string, Facts>> {
  // Some refusals of docker-registry end the connection, which a kept one would see one request late.
  const api = new ApiClient(port, { keepAlive: false });
  const kept = new Map<string, string>();
  const results = new Map<string, Facts>();
  for (const { label, method, path, headers = {}, body, chunked, keep } of steps) {
    const target = path.replace(/^\{(\w+)\}/, (_, key: string) => kept.get(key) ?? '/lost');
    const bytes = body === undefined ? undefined : Buffer.from(body);
    const reply = await api
      .send(method, target, {
        headers: { ...headers },
        ...(bytes === undefined ? {} : { body: chunked === true ? [bytes] : bytes }),
      })
      .catch(() => undefined);
    if (reply === undefined) {
      results.set(label, new Map([['status', 'connection cut']]));
      continue;
    }
    if (keep !== undefined) {
      kept.set(keep, reply.headers.location ?? '/lost');
    }
    results.set(label, factsOf(reply, port));
  }
  api.close();
  return results;
}

function factsOf(reply: ApiReply, port: number): Facts {
  const facts = new Map([['status', String(reply.status)]]);
  const isError = reply.status >= 400;
  for (const name of comparedHeaders) {
    const value = reply.headers[name];
    // The length of an error follows from its text, which is compared.
    if (value !== undefined && !(isError && name === 'content-length')) {
      facts.set(name, steady(String(value), port));
    }
  }
  const envelope = isError ? tryEnvelope(reply.text) : undefined;
  if (envelope === undefined) {
    facts.set('body', steady(reply.text, port));
  } else {
    facts.set('codes', envelope.map(({ code }) => code).join(' '));
    facts.set('messages', envelope.map(({ message }) => message).join('; '));
    facts.set('detail', JSON.stringify(envelope.map(({ detail }) => detail)));
  }
  return facts;
}

interface Entry {
  readonly code: string;
  readonly message: string;
  readonly detail?: unknown;
}

function tryEnvelope(text: string): readonly Entry[] | undefined {
  try {
    return (JSON.parse(text) as { errors?: Entry[] }).errors;
  } catch {
    return undefined;
  }
}

/** Without what differs from run to run: port, upload ids, tokens, boundaries. */
function steady(text: string, port: number): string {
  return text
    .replaceAll(`127.0.0.1:${port}`, 'HOST')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UUID')
    .replace(/_state=[\w%=-]+/g, '_state=TOKEN')
    .replace(/boundary=\w+/g, 'boundary=B')
    .replace(/--[0-9a-f]{20,}/g, '--B');
}
