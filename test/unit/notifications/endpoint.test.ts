import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Endpoint } from '../../../src/notifications/endpoint.ts';
import { envelopeBody, notificationEvent } from '../../../src/notifications/envelope.ts';
import type { EndpointOptions } from '../../../src/notifications/options.ts';
import type { QueuedEvent } from '../../../src/notifications/queue.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import { Secret } from '../../../src/options/secret.ts';
import { anEndpoint, anEvent } from '../../support/events.ts';
import { HttpSink } from '../../support/http-sink.ts';

const source = { addr: 'h', instanceID: 'i' };

function queued(seq: number): QueuedEvent {
  const event = notificationEvent(anEvent({ target: { tag: `t${seq}` } }), {
    source,
    includeReferences: false,
    nowMs: 0,
  });
  return { seq, event, body: envelopeBody(event), queuedAtMs: Date.now() };
}

describe('endpoint', () => {
  let sink: HttpSink;
  let endpoint: Endpoint | undefined;
  beforeEach(async () => {
    sink = await new HttpSink().open();
  });
  afterEach(async () => {
    await endpoint?.stop();
    await sink.close();
  });

  function start(options: Partial<EndpointOptions> = {}): Endpoint {
    endpoint = new Endpoint('sink', anEndpoint({ url: sink.url, ...options }), {
      limits: { maxEvents: 1000, maxBytes: 1e6 },
      keepDeadLetters: () => Promise.resolve(true),
      onSettled: () => undefined,
      logger: silentLogger,
      now: Date.now,
    });
    return endpoint;
  }

  it('posts one event per request with the media type of events and the configured headers', async () => {
    const events = start({ headers: { 'X-Token': [new Secret('a'), new Secret('b')] } });
    events.push(queued(1));
    await events.idle();
    expect(sink.received).toHaveLength(1);
    expect(sink.received[0]).toMatchObject({
      method: 'POST',
      headers: {
        'content-type': 'application/vnd.docker.distribution.events.v2+json',
        'x-token': 'a, b',
      },
    });
    expect(JSON.parse(sink.received[0]?.body ?? '').events).toHaveLength(1);
  });

  it('keeps the order over failures, and counts each attempt', async () => {
    const events = start();
    sink.answer = 500;
    for (const seq of [1, 2, 3, 4]) {
      events.push(queued(seq));
    }
    await sink.until(() => sink.received.length >= 3);
    sink.answer = 200;
    await events.idle();
    const tags = sink.accepted.map(({ body }) => JSON.parse(body).events[0].target.tag);
    expect(tags).toEqual(['t1', 't2', 't3', 't4']);
    const state = events.state();
    expect(state).toMatchObject({ events: 4, successes: 4, errors: 0, pendingEvents: 0 });
    expect(state.failures).toBe(sink.received.length - 4);
    expect(state.statuses.get('200 OK')).toBe(4);
    expect(state.statuses.get('500 Internal Server Error')).toBe(state.failures);
  });

  it('tries again at once below the threshold, and then waits for the backoff', async () => {
    const backoff = 60;
    const times: number[] = [];
    const events = start({ threshold: 3, backoff });
    sink.answer = 503;
    events.push(queued(1));
    for (const count of [1, 2, 3, 4, 5]) {
      await sink.until(() => sink.received.length >= count);
      times.push(performance.now());
    }
    const gaps = times.slice(1).map((time, at) => time - (times[at] ?? 0));
    // The clocks of a timer and of Date differ by a millisecond or two.
    expect(gaps[2]).toBeGreaterThan(backoff - 5);
    expect(gaps[3]).toBeGreaterThan(backoff - 5);
  });

  it('gives an attempt up after the timeout and sends the event again', async () => {
    const events = start({ timeout: 30 });
    sink.answer = 'stall';
    events.push(queued(1));
    await sink.until(() => sink.received.length >= 2);
    sink.release();
    await events.idle();
    expect(events.state().errors).toBeGreaterThan(0);
    expect(sink.received.at(-1)?.body).toBe(sink.received[0]?.body);
  });

  it('survives a receiver that is away and comes back', async () => {
    const events = start({ threshold: 2, backoff: 10 });
    await sink.close();
    events.push(queued(1));
    events.push(queued(2));
    await sink.open();
    await events.idle();
    expect(sink.accepted).toHaveLength(2);
  });

  it('counts a redirect that it followed by its final status', async () => {
    const target = await new HttpSink().open();
    sink.answer = 307;
    sink.headers = { location: target.url };
    const events = start();
    events.push(queued(1));
    await events.idle();
    expect(target.accepted).toHaveLength(1);
    expect(target.accepted[0]?.body).toBe(sink.received[0]?.body);
    expect([...events.state().statuses]).toEqual([['200 OK', 1]]);
    await target.close();
  });

  it('turns 303 into a GET without a body, and keeps secrets from another host', async () => {
    const target = await new HttpSink().open();
    sink.answer = 303;
    sink.headers = { location: target.url };
    const events = start({ headers: { Authorization: [new Secret('Bearer t')] } });
    events.push(queued(1));
    await events.idle();
    expect(sink.received[0]?.headers.authorization).toBe('Bearer t');
    expect(target.received).toMatchObject([{ method: 'GET', body: '' }]);
    expect(target.received[0]?.headers).not.toHaveProperty('authorization');
    await target.close();
  });

  it('gives up on a receiver that redirects for ever, and tries again', async () => {
    sink.answer = 307;
    sink.headers = { location: sink.url };
    const events = start({ threshold: 1, backoff: 5 });
    events.push(queued(1));
    await sink.until(() => sink.received.length > 11);
    expect(events.state().errors).toBe(1);
    sink.answer = 200;
    await events.idle();
    expect(events.state().successes).toBe(1);
  });

  it('uses one connection for many events, and counts no error when the receiver closed it in between', async () => {
    const events = start();
    events.push(queued(1));
    events.push(queued(2));
    await events.idle();
    expect(sink.connections).toBe(1);
    sink.closeConnections();
    events.push(queued(3));
    await events.idle();
    expect(events.state()).toMatchObject({ successes: 3, errors: 0 });
    expect(sink.connections).toBe(2);
  });

  it('reads no endless answer, but takes its status', async () => {
    sink.body = 'x'.repeat(1_000_000);
    const events = start();
    events.push(queued(1));
    events.push(queued(2));
    await events.idle();
    expect(events.state()).toMatchObject({ successes: 2, errors: 0 });
  });

  it('sends credentials of the URL as Basic', async () => {
    const events = start({ url: sink.url.replace('//', '//user:p%40ss@') });
    events.push(queued(1));
    await events.idle();
    const expected = Buffer.from('user:p@ss').toString('base64');
    expect(sink.received[0]?.headers.authorization).toBe(`Basic ${expected}`);
  });

  it('ignores media types and actions exactly as written', () => {
    const events = start({
      ignoredmediatypes: ['application/octet-stream'],
      ignore: { mediatypes: ['text/plain'], actions: ['pull'] },
    });
    expect(events.wants('application/octet-stream', 'push')).toBe(false);
    expect(events.wants('text/plain', 'push')).toBe(false);
    expect(events.wants('text/html', 'pull')).toBe(false);
    expect(events.wants('Text/Plain', 'PULL')).toBe(true);
  });

  it('takes Distribution’s defaults for numbers of zero and less', () => {
    const events = start({ timeout: 0, threshold: -1, backoff: 0 });
    expect([events.timeoutMs, events.threshold, events.backoffMs]).toEqual([1000, 10, 1000]);
  });

  it('refuses a URL it cannot post to', () => {
    expect(() => start({ url: 'ftp://x/' })).toThrow('neither http: nor https:');
    expect(() => start({ url: '' })).toThrow('Invalid URL');
    endpoint = undefined;
  });
});
