import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deadLetterFolder } from '../../../src/notifications/dead-letters.ts';
import { lanesFolder } from '../../../src/notifications/lanes.ts';
import { Notifications, spoolDirectory } from '../../../src/notifications/notifications.ts';
import type { NotificationsOptions } from '../../../src/notifications/options.ts';
import { replayDeadLetters } from '../../../src/notifications/replay.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import { Secret } from '../../../src/options/secret.ts';
import { collectLogger } from '../../support/collect-logger.ts';
import { anEndpoint, anEvent, notificationsSection } from '../../support/events.ts';
import { HttpSink } from '../../support/http-sink.ts';

const source = { addr: 'host:5000', instanceID: 'instance' };

describe('notifications', () => {
  let storageRoot: string;
  let sink: HttpSink;
  const running: Notifications[] = [];
  beforeEach(async () => {
    storageRoot = await mkdtemp(join(tmpdir(), 'notifications-'));
    sink = await new HttpSink().open();
  });
  afterEach(async () => {
    for (const notifications of running.splice(0)) {
      await notifications.stop(0);
    }
    await sink.close();
    await rm(storageRoot, { recursive: true, force: true });
  });

  async function start(
    options: NotificationsOptions,
    logger = silentLogger,
    root: string | undefined = storageRoot,
  ): Promise<Notifications> {
    const notifications = new Notifications(options, {
      source,
      logger,
      ...(root !== undefined && { storageRoot: root }),
    });
    await notifications.start();
    running.push(notifications);
    return notifications;
  }

  const directory = (): string => join(storageRoot, '.longshore', 'notifications');

  async function pushTags(notifications: Notifications, tags: readonly string[]): Promise<void> {
    await Promise.all(tags.map((tag) => notifications.record(anEvent({ target: { tag } }))));
  }

  function acceptedTags(from: HttpSink = sink): string[] {
    return from.accepted.map(({ body }) => JSON.parse(body).events[0].target.tag);
  }

  it('sends each event to every endpoint, and a stalled one delays no other', async () => {
    const stalled = await new HttpSink().open();
    stalled.answer = 'stall';
    const notifications = await start(
      notificationsSection([
        anEndpoint({ name: 'slow', url: stalled.url, timeout: 60_000 }),
        anEndpoint({ name: 'quick', url: sink.url }),
      ]),
    );
    await pushTags(notifications, ['1', '2', '3']);
    await sink.until(() => sink.accepted.length === 3);
    expect(acceptedTags()).toEqual(['1', '2', '3']);
    expect(stalled.received).toHaveLength(1);
    stalled.release();
    await stalled.until(() => stalled.received.length === 3);
    expect(stalled.received.map(({ body }) => body)).toEqual(sink.accepted.map(({ body }) => body));
    await stalled.close();
  });

  it('does not queue what an endpoint ignores, and skips disabled ones', async () => {
    const notifications = await start(
      notificationsSection([
        anEndpoint({ url: sink.url, ignore: { mediatypes: [], actions: ['pull'] } }),
        anEndpoint({ name: 'off', disabled: true, url: 'nonsense' }),
      ]),
    );
    expect(notifications.record(anEvent({ action: 'pull' }))).toBeUndefined();
    await notifications.record(anEvent({ action: 'delete' }));
    await sink.until(() => sink.accepted.length === 1);
    expect(notifications.endpointStates()).toHaveLength(1);
    expect(notifications.endpointStates()[0]?.events).toBe(1);
  });

  it('delivers after a restart what was pending before, with the same ids and in order', async () => {
    const options = notificationsSection([anEndpoint({ url: sink.url })]);
    sink.answer = 500;
    const first = await start(options);
    await pushTags(first, ['1', '2', '3']);
    await sink.until(() => sink.received.length > 0);
    await first.stop(0);
    const attempted = JSON.parse(sink.received[0]?.body ?? '').events[0].id;
    sink.answer = 200;
    const second = await start(options);
    await second.record(anEvent({ target: { tag: '4' } }));
    await sink.until(() => sink.accepted.length === 4);
    expect(acceptedTags()).toEqual(['1', '2', '3', '4']);
    expect(sink.acceptedIds()[0]).toBe(attempted);
  });

  it('delivers nothing twice after a clean stop, and leaves no lane behind', async () => {
    const options = notificationsSection([anEndpoint({ url: sink.url })]);
    const first = await start(options);
    await pushTags(first, ['1', '2']);
    await first.stop(5000);
    expect(acceptedTags()).toEqual(['1', '2']);
    expect(await readdir(lanesFolder(directory()))).toEqual([]);
    const second = await start(options);
    await pushTags(second, ['3']);
    await second.stop(5000);
    expect(acceptedTags()).toEqual(['1', '2', '3']);
  });

  it('moves the oldest to dead letters when the queue is full, counts them, and replays them', async () => {
    const options = notificationsSection([anEndpoint({ url: sink.url, backoff: 60_000 })], {
      maxevents: 10,
    });
    await sink.close();
    const tags = Array.from({ length: 25 }, (_, at) => String(at));
    const first = await start(options);
    for (const tag of tags) {
      await first.record(anEvent({ target: { tag } }));
    }
    await first.stop(0);
    const [state] = first.endpointStates();
    expect(state?.deadLetters).toBeGreaterThan(10);
    expect(state).toMatchObject({ lostEvents: 0 });
    await sink.open();
    const second = await start(options);
    await sink.until(() => sink.accepted.length === 25 - (state?.deadLetters ?? 0));
    await second.stop(5000);
    const configured = new Set(['sink']);
    const replayed = await replayDeadLetters(directory(), { configured });
    expect(replayed.events).toBe(state?.deadLetters);
    expect(await readdir(deadLetterFolder(directory()))).toEqual([]);
    await start({ ...options, spool: { ...options.spool, maxevents: 100 } });
    await sink.until(() => sink.accepted.length === 25);
    expect(new Set(acceptedTags())).toEqual(new Set(tags));
  });

  it('keeps events of an endpoint that is configured no more as dead letters', async () => {
    await sink.close();
    const first = await start(notificationsSection([anEndpoint({ name: 'old', url: sink.url })]));
    await pushTags(first, ['1']);
    await first.stop(0);
    await sink.open();
    const options = notificationsSection([anEndpoint({ name: 'new', url: sink.url })]);
    const second = await start(options);
    expect(await readdir(deadLetterFolder(directory()))).toHaveLength(1);
    expect(sink.received).toEqual([]);
    expect(second.endpointStates()).toMatchObject([
      { name: 'new', deadLetters: 0 },
      { name: 'old', deadLetters: 1, lostEvents: 0, pendingEvents: 0 },
    ]);
    expect(second.spoolState()?.deadLetterBytes).toBeGreaterThan(0);
    await second.stop(0);
    await replayDeadLetters(directory(), {
      configured: new Set(['new']),
      renamed: new Map([['old', 'new']]),
    });
    await start(options);
    await sink.until(() => sink.accepted.length === 1);
    expect(acceptedTags()).toEqual(['1']);
  });

  it('keeps events of such an endpoint in the spool while the dead-letter folder is full', async () => {
    await sink.close();
    const first = await start(notificationsSection([anEndpoint({ name: 'old', url: sink.url })]));
    await pushTags(first, ['1']);
    await first.stop(0);
    await sink.open();
    const options = notificationsSection([anEndpoint({ name: 'new', url: sink.url })]);
    const logger = collectLogger();
    const second = await start({ ...options, spool: { ...options.spool, maxbytes: 1 } }, logger);
    expect(logger.lines.filter(({ level }) => level === 'error').length).toBeGreaterThan(0);
    expect(second.endpointStates()).toMatchObject([{ name: 'new' }]);
    await second.stop(0);
    // As the next life of the process finds it.
    for (const lane of await readdir(lanesFolder(directory()))) {
      await rm(join(lanesFolder(directory()), lane, 'owner'));
    }
    const another = await start(options);
    expect(another.endpointStates()).toMatchObject([
      { name: 'new' },
      { name: 'old', deadLetters: 1 },
    ]);
  });

  it('lets two registries share one folder', async () => {
    const options = notificationsSection([anEndpoint({ url: sink.url })]);
    const [first, second] = [await start(options), await start(options)];
    await Promise.all([pushTags(first, ['1']), pushTags(second, ['2'])]);
    await sink.until(() => sink.accepted.length === 2);
    expect(acceptedTags().sort()).toEqual(['1', '2']);
  });

  it('runs from memory without a spool, and says so', async () => {
    const logger = collectLogger();
    const options = notificationsSection([anEndpoint({ url: sink.url })], { enabled: false });
    const notifications = await start(options, logger);
    expect(notifications.record(anEvent())).toBeUndefined();
    await sink.until(() => sink.accepted.length === 1);
    expect(logger.lines.filter(({ level }) => level === 'warn')).toMatchObject([
      { message: 'notifications are kept in memory only: a restart loses pending ones' },
    ]);
    expect(notifications.spoolState()).toBeUndefined();
  });

  it('refuses to start on a configured folder that cannot be used, and only warns for its own', async () => {
    const file = join(storageRoot, 'a-file');
    await writeFile(file, '');
    const options = notificationsSection([anEndpoint({ url: sink.url })], {
      directory: join(file, 'spool'),
    });
    await expect(start(options)).rejects.toMatchObject({ code: 'SPOOL_UNUSABLE' });
    const logger = collectLogger();
    await start(notificationsSection([anEndpoint({ url: sink.url })]), logger, file);
    expect(logger.lines.some(({ level }) => level === 'warn')).toBe(true);
  });

  it('names the endpoint whose URL is wrong', async () => {
    await expect(
      start(notificationsSection([anEndpoint({ name: 'ci', url: 'nowhere' })])),
    ).rejects.toThrow('notifications.endpoints[0] (ci): Invalid URL');
  });

  it('chooses the folder of the spool', () => {
    const { spool } = notificationsSection([]);
    expect(spoolDirectory(spool, '/data')).toBe('/data/.longshore/notifications');
    expect(spoolDirectory(spool, undefined)).toBeUndefined();
    expect(spoolDirectory({ ...spool, directory: '/spool' }, undefined)).toBe('/spool');
    expect(spoolDirectory({ ...spool, enabled: false }, '/data')).toBeUndefined();
  });

  it('shows endpoints as Distribution does, without their secrets', async () => {
    const logger = collectLogger();
    const notifications = await start(
      notificationsSection([
        anEndpoint({
          url: `${sink.url.replace('//', '//user:pa@hunter2@')}?token=hunter2`,
          headers: { Authorization: [new Secret('Bearer hunter2')] },
        }),
        anEndpoint({ name: '', url: 'http://hunter2@127.0.0.1:9/#hunter2' }),
        anEndpoint({ name: '', url: '//u:hunter2@h/', disabled: true }),
      ]),
      logger,
    );
    expect(JSON.stringify(logger.lines)).not.toContain('hunter2');
    await pushTags(notifications, ['1']);
    await sink.until(() => sink.accepted.length === 1);
    const text = JSON.stringify(notifications.vars());
    expect(text).not.toContain('hunter2');
    expect(JSON.parse(text).endpoints[0]).toMatchObject({
      name: 'sink',
      Headers: { Authorization: ['***'] },
      Timeout: 5_000_000_000,
      Threshold: 10,
      Backoff: 20_000_000,
      Metrics: { Events: 1 },
    });
    expect((await start(notificationsSection([]))).vars()).toEqual({ endpoints: null });
  });
});
