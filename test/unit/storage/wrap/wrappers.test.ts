/** The wrappers around drivers. The driver inside is the in-memory one, with single methods replaced to misbehave. */

import { describe, expect, it } from 'vitest';
import { ClientGoneError } from '../../../../src/errors.ts';
import { silentLogger } from '../../../../src/observe/logger.ts';
import type { PhaseClock } from '../../../../src/observe/phases.ts';
import type { Tracer } from '../../../../src/observe/tracing.ts';
import type { ListNow, StorageDriver } from '../../../../src/storage/driver.ts';
import { createMemoryDriver } from '../../../../src/storage/drivers/memory/driver.ts';
import { createDriver, openPortableDriver } from '../../../../src/storage/drivers/table.ts';
import { withRedirectUrl } from '../../../../src/storage/middleware/with-redirect-url.ts';
import { checked } from '../../../../src/storage/wrap/checked.ts';
import { Gate } from '../../../../src/storage/wrap/gate.ts';
import { limited } from '../../../../src/storage/wrap/limited.ts';
import { phased } from '../../../../src/storage/wrap/phased.ts';
import { timed } from '../../../../src/storage/wrap/timed.ts';
import { traced } from '../../../../src/storage/wrap/traced.ts';
import { storageDriverSuite } from '../../../suites/storage-driver.ts';

const memoryAbilities = {
  emptyFolders: true,
  appendsToCommitted: true,
  bigChunkBytes: 1024 * 1024,
  redirectMethods: [],
} as const;

storageDriverSuite('inmemory behind every wrapper', memoryAbilities, async () => ({
  driver: timed(limited(createMemoryDriver(), new Gate('inmemory', 2)), () => {}),
  tearDown: async () => {},
}));

/** The in-memory driver with some methods replaced. */
function aDriver(changes: Partial<StorageDriver>): StorageDriver {
  const driver = createMemoryDriver();
  return new Proxy(driver, {
    get(target, key: keyof StorageDriver) {
      const value = changes[key] ?? target[key];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('checked', () => {
  it('turns foreign errors of calls and streams into driver errors, with their cause', async () => {
    const cause = new Error('socket hang up');
    const fail = (): Promise<never> => Promise.reject(cause);
    const driver = checked(
      aDriver({
        get: fail,
        open: async () => ({ read: fail, cancel: () => {} }),
        openWriter: async () => ({
          sizeBytes: 0,
          write: fail,
          close: fail,
          commit: fail,
          cancel: fail,
        }),
      }),
    );
    const expected = {
      name: 'DriverError',
      code: 'DRIVER_FAILED',
      message: 'inmemory: socket hang up',
      retryable: false,
      cause,
    };
    await expect(driver.get('/a')).rejects.toMatchObject(expected);
    await expect((await driver.open('/a')).read()).rejects.toMatchObject(expected);
    const writer = await driver.openWriter('/a', { append: false });
    await expect(writer.write(Buffer.alloc(1))).rejects.toMatchObject(expected);
    await expect(writer.cancel()).rejects.toMatchObject(expected);
  });

  it('lets aborts through as they are', async () => {
    const gone = new ClientGoneError();
    const driver = checked(aDriver({ get: () => Promise.reject(gone) }));
    await expect(driver.get('/a')).rejects.toBe(gone);
  });

  it('hides names that no path can reach, and fills the page up', async () => {
    const inner = createMemoryDriver();
    for (const name of ['a', 'b', 'lost+found', 'm n', 'x', 'y']) {
      await inner.put(`/d/${name}`, '');
    }
    const driver = checked(inner);
    const names = async (options: object): Promise<string[] | undefined> =>
      (await driver.list('/d', options))?.map((entry) => entry.name);
    expect(await names({})).toEqual(['a', 'b', 'x', 'y']);
    expect(await names({ limit: 3 })).toEqual(['a', 'b', 'x']);
    expect(await names({ limit: 2, after: 'b' })).toEqual(['x', 'y']);
    expect(await names({ limit: 9 })).toEqual(['a', 'b', 'x', 'y']);
  });

  it('passes the purge of uploads on only where the driver has one', async () => {
    expect(checked(createMemoryDriver()).purgeUploads).toBeUndefined();
    const driver = checked(aDriver({ purgeUploads: async (prefix) => prefix.length }));
    expect(await driver.purgeUploads?.('/abc', 0)).toBe(4);
    await expect(driver.purgeUploads?.('/../x', 0)).rejects.toMatchObject({
      code: 'DRIVER_INVALID_PATH',
    });
  });
});

describe('timed', () => {
  it('observes Distribution’s action names, failures included, streams not', async () => {
    const seen: string[] = [];
    const driver = timed(createMemoryDriver(), (action, seconds) => {
      expect(seconds).toBeGreaterThanOrEqual(0);
      seen.push(action);
    });
    await driver.put('/a', 'x');
    await driver.get('/a');
    await driver.get('/none').catch(() => {});
    await driver.stat('/a');
    await driver.list('/');
    await driver.move('/a', '/b');
    await driver.apply([
      { kind: 'put', path: '/c', content: '' },
      { kind: 'move', from: '/c', to: '/d' },
    ]);
    await driver.redirectUrl('/b', { method: 'GET', clientAddress: '' });
    await (await driver.open('/b')).read();
    await (await driver.openWriter('/e', { append: false })).commit();
    await driver.delete('/b');
    expect(seen).toEqual([
      'PutContent',
      'GetContent',
      'GetContent',
      'Stat',
      'List',
      'Move',
      'PutContent',
      'Move',
      'RedirectURL',
      'Delete',
    ]);
  });
});

describe('limited', () => {
  it('bounds driver calls, reads and writes together', async () => {
    let running = 0;
    let most = 0;
    const track = async <T>(value: T): Promise<T> => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return value;
    };
    const driver = limited(
      aDriver({
        stat: () => track(undefined),
        open: () => track({ read: () => track(undefined), cancel: () => {} }),
        openWriter: () =>
          track({
            sizeBytes: 0,
            write: () => track(undefined),
            close: () => track(undefined),
            commit: () => track(undefined),
            cancel: () => track(undefined),
          }),
      }),
      new Gate('test', 3),
    );
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        await driver.stat('/a');
        await (await driver.open('/a')).read();
        const writer = await driver.openWriter('/a', { append: false });
        await writer.write(Buffer.alloc(1));
        await writer.commit();
      }),
    );
    expect(most).toBe(3);
  });
});

describe('lists that are told at once', () => {
  const listNow: ListNow = (path, sinceMs) => [{ name: `${path} ${sinceMs}`, isDirectory: true }];
  const told = [{ name: '/a 5', isDirectory: true }];
  const spent: number[] = [];
  const clock: PhaseClock = {
    storage: (work) => work(),
    bound: () => (work) => work(),
    spent: ({ storageMs }) => spent.push(storageMs),
  };
  const glances = { listNow } as StorageDriver['glances'] & object;

  it.each<[string, (driver: StorageDriver) => StorageDriver]>([
    ['checked', checked],
    ['limited', (driver) => checked(limited(driver, new Gate('test', 1)))],
    ['timed', (driver) => timed(driver, () => {})],
    ['phased', (driver) => phased(driver, clock)],
    [
      'a redirecting driver',
      (driver) => withRedirectUrl(driver, () => Promise.resolve('https://a.test')),
    ],
  ])('pass through %s', (_, wrap) => {
    expect(wrap(aDriver({ glances })).listNow?.('/a', 5)).toEqual(told);
    expect(wrap(timed(aDriver({ glances }), () => {})).listNow?.('/a', 5)).toEqual(told);
    expect(wrap(createMemoryDriver()).listNow).toBeUndefined();
  });

  it('count as time of storage', () => {
    expect(spent).toEqual([expect.any(Number), expect.any(Number)]);
  });
});

describe('the sync of uploads whose chunks are not synced', () => {
  const tracer = {
    isOn: true,
    span: (...[, , work]: Parameters<Tracer['span']>) => work(undefined as never),
  } as unknown as Tracer;
  const clock: PhaseClock = {
    storage: (work) => work(),
    bound: () => (work) => work(),
    spent: () => {},
  };

  // Lost on the way, it would leave acknowledged blobs to a power cut.
  it.each<[string, (driver: StorageDriver) => StorageDriver]>([
    ['checked', checked],
    ['limited', (driver) => limited(driver, new Gate('test', 1))],
    ['timed', (driver) => timed(driver, () => {})],
    ['traced', (driver) => traced(driver, tracer)],
    ['phased', (driver) => phased(driver, clock)],
    [
      'a redirecting driver',
      (driver) => withRedirectUrl(driver, () => Promise.resolve('https://a.test')),
    ],
  ])('passes through %s', async (_, wrap) => {
    const synced: string[] = [];
    const syncUpload = async (path: string): Promise<void> => {
      synced.push(path);
    };
    await wrap(aDriver({ syncUpload })).syncUpload?.('/a/data');
    expect(synced).toEqual(['/a/data']);
    expect(wrap(createMemoryDriver()).syncUpload).toBeUndefined();
  });
});

describe('the table of drivers', () => {
  it('makes each driver under its own name', async () => {
    const made = [
      await openPortableDriver({
        name: 'filesystem',
        options: { rootdirectory: '/nowhere', maxthreads: 1 },
      }),
      await createDriver('inmemory', {}, silentLogger),
    ];
    expect(made.map((driver) => driver.name)).toEqual(['filesystem', 'inmemory']);
  });

  it('counts what a glance tells, and asks the driver about the rest', async () => {
    const calls: string[] = [];
    const asked = async (path: string): Promise<undefined> => {
      calls.push(path);
      return undefined;
    };
    const known = (path: string): boolean => path === '/known';
    const glances: NonNullable<StorageDriver['glances']> = {
      content: (path) => (known(path) ? Buffer.from('kept') : undefined),
      look: (path) => (known(path) ? { facts: undefined } : undefined),
      isMissing: () => false,
      keep: () => {},
      saw: () => {},
      wrote: () => {},
      changed: () => {},
      listNow: (path) => (known(path) ? [] : undefined),
    };
    const seen: string[] = [];
    const driver = timed(
      aDriver({ glances, get: asked as unknown as StorageDriver['get'], stat: asked }),
      (action) => seen.push(action),
    );
    const content = await driver.get('/known');
    content.fill(0);
    expect((await driver.get('/known')).toString()).toBe('kept');
    expect(await driver.stat('/known')).toBeUndefined();
    expect(calls).toEqual([]);
    await driver.get('/other');
    await driver.stat('/other');
    expect(calls).toEqual(['/other', '/other']);
    expect(seen).toEqual(['GetContent', 'GetContent', 'Stat', 'GetContent', 'Stat']);
    expect([driver.listNow?.('/known'), driver.listNow?.('/other')]).toEqual([[], undefined]);
    expect(seen.slice(5)).toEqual(['List']);
  });
});
