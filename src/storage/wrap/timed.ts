/** Times a driver's calls for the storage "action" histogram, under Distribution's action names. */

import { type FileFacts, listNowOf, type StorageDriver, type WriteStep } from '../driver.ts';

export type StorageAction =
  | 'GetContent'
  | 'PutContent'
  | 'Stat'
  | 'List'
  | 'Move'
  | 'Delete'
  | 'RedirectURL';

const stepActions: Readonly<Record<WriteStep['kind'], readonly StorageAction[]>> = {
  put: ['PutContent'],
  move: ['Move'],
  recycle: [],
};

/** Called after each timed call, failed ones included. Must not throw. */
export type ObserveAction = (action: StorageAction, seconds: number) => void;

/**
 * `apply` counts as the puts and moves it replaces: each step with the time of the whole. Streams are not timed. What a
 * glance tells (a stat out of the kernel's memory, a few µs) counts as a call that took no time: reading the clock for
 * it would cost a GET of a manifest 3 %.
 */
export function timed(driver: StorageDriver, observe: ObserveAction): StorageDriver {
  async function time<T>(actions: readonly StorageAction[], work: Promise<T>): Promise<T> {
    const startedAtMs = performance.now();
    try {
      return await work;
    } finally {
      const seconds = (performance.now() - startedAtMs) / 1000;
      for (const action of actions) {
        observe(action, seconds);
      }
    }
  }
  const { glances } = driver;
  const get = (path: string): Promise<Buffer> => {
    const seen = glances?.content(path);
    if (seen === undefined) {
      return time(['GetContent'], driver.get(path));
    }
    observe('GetContent', 0);
    return Promise.resolve(Buffer.from(seen));
  };
  const stat: StorageDriver['stat'] = (path, options): Promise<FileFacts | undefined> => {
    const seen = glances?.look(path);
    if (seen === undefined) {
      return time(['Stat'], driver.stat(path, options));
    }
    observe('Stat', 0);
    return Promise.resolve(seen.facts);
  };
  const listNow = listNowOf(driver);
  const purge = driver.purgeUploads?.bind(driver);
  const replace = driver.openReplacement?.bind(driver);
  const sync = driver.syncUpload?.bind(driver);
  return {
    name: driver.name,
    abilities: driver.abilities,
    get,
    put: (path, content, options) => time(['PutContent'], driver.put(path, content, options)),
    apply: (steps) =>
      time(
        steps.flatMap((step) => stepActions[step.kind]),
        driver.apply(steps),
      ),
    open: (path, options) => driver.open(path, options),
    stat,
    list: (path, options) => time(['List'], driver.list(path, options)),
    ...(listNow && {
      listNow: (path, sinceMs) => {
        const entries = listNow(path, sinceMs);
        if (entries !== undefined) {
          observe('List', 0);
        }
        return entries;
      },
    }),
    move: (from, to) => time(['Move'], driver.move(from, to)),
    delete: (path, options) => time(['Delete'], driver.delete(path, options)),
    openWriter: (path, options) => driver.openWriter(path, options),
    uploadSizeBytes: (path) => driver.uploadSizeBytes(path),
    redirectUrl: (path, request) => time(['RedirectURL'], driver.redirectUrl(path, request)),
    ...(replace && { openReplacement: replace }),
    ...(sync && { syncUpload: sync }),
    ...(purge && { purgeUploads: purge }),
    close: () => driver.close(),
  };
}
