import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Logging } from '../../../src/observe/create-logging.ts';
import type { LogOptions } from '../../../src/observe/log-options.ts';
import type { LogThread } from '../../../src/observe/log-thread/log-thread.ts';
import { aLogFile, type LogFile } from '../../support/log-file.ts';

// As built: a thread cannot run the sources.
const built = new URL('../../../dist/src/observe/', import.meta.url);
const { createLogging } = (await import(
  new URL('create-logging.js', built).href
)) as typeof import('../../../src/observe/create-logging.ts');
const { LogThread: BuiltThread } = (await import(
  new URL('log-thread/log-thread.js', built).href
)) as typeof import('../../../src/observe/log-thread/log-thread.ts');

const options: LogOptions = {
  accesslog: { disabled: false },
  level: 'info',
  formatter: 'text',
  fields: { service: 'registry' },
  reportcaller: false,
  hooks: [],
};

function aRequest(number: number): Parameters<NonNullable<Logging['accessLog']>['write']>[0] {
  return {
    method: number % 5 === 0 ? 'HEAD' : 'GET',
    path: `/v2/team/app/manifests/${number}`,
    rawQuery: '',
    httpVersion: '1.1',
    remoteAddress: `192.0.2.${number % 3}`,
    receivedAtMs: 0,
    header: (name) => (name === 'user-agent' ? `client/${number % 2}` : undefined),
  };
}

/** @param isTogether  Both lines at once, else one after the other. */
function logRequest(logging: Logging, number: number, isTogether = number % 3 > 0): void {
  const request = aRequest(number);
  const status = number % 7 === 0 ? 404 : 200;
  if (!isTogether) {
    logging.accessLog?.write(request, status, number);
  }
  (isTogether ? logging.bothLogs : logging.requestLog)?.write({
    request,
    clientAddress: request.remoteAddress,
    status,
    sentBytes: number,
    durationMs: number % 4,
    // Text that UTF-8 and both quotings make longer.
    user: number % 2 === 0 ? 'jö "x"' : undefined,
    errors: number % 7 === 0 ? [{ code: 'NAME_UNKNOWN', message: 'no', detail: { number } }] : [],
  });
}

/** Numbers of the requests in the order of their lines. */
function numbersIn(lines: readonly string[]): number[] {
  return lines.flatMap((line) => {
    const number = /\/manifests\/(\d+)/.exec(line)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

describe('LogThread', () => {
  let stdout: LogFile;
  let stderr: LogFile;
  beforeEach(() => {
    stdout = aLogFile();
    stderr = aLogFile();
  });
  afterEach(() => {
    stdout.remove();
    stderr.remove();
  });

  it.each(['text', 'json', 'logstash'] as const)(
    'takes over under load and prints the same %s lines in the same order, of one record or two',
    async (formatter) => {
      const count = 3000;
      const log = async (busyLines: number): Promise<[string[], string[]]> => {
        const files = [aLogFile(), aLogFile()] as const;
        const logging = createLogging(
          { ...options, formatter },
          { version: 'v1', stdout: files[0].fd, stderr: files[1].fd, busyLines },
        );
        for (const number of upTo(count)) {
          logRequest(logging, number, busyLines < Number.POSITIVE_INFINITY && number % 3 > 0);
          if (number % 500 === 0) {
            logging.logger.warn('in between', { number, list: ['of', 'things'] });
            await delay(30);
          }
        }
        expect(logging.dropped()).toEqual({ lines: 0, accessLines: 0, mails: 0 });
        await logging.close();
        const lines = files.map((file) => file.lines());
        for (const file of files) file.remove();
        return lines as [string[], string[]];
      };
      const [access, requests] = await log(100);
      const [plainAccess, plainRequests] = await log(Number.POSITIVE_INFINITY);
      expect(access).toEqual(plainAccess);
      expect(numbersIn(access)).toEqual(upTo(count));
      const timeless = (lines: readonly string[]): string[] =>
        lines.map((line) =>
          line
            .replace(/time(stamp)?"?[=:]"[^"]+"/, '')
            .replace(/(instance\.id|http\.request\.id)("?[=:]"?)[0-9a-f-]{36}/g, '$1'),
        );
      expect(timeless(requests)).toEqual(timeless(plainRequests));
      expect(requests).toHaveLength(count + 6);
      const ids = requests.flatMap(
        (line) => /http\.request\.id"?[=:]"?([0-9a-f-]{36})/.exec(line)?.[1] ?? [],
      );
      expect(new Set(ids).size).toBe(count);
    },
  );

  it('writes what is left of two lines once one of the logs is closed', async () => {
    const logging = createLogging(options, {
      version: 'v1',
      stdout: stdout.fd,
      stderr: stderr.fd,
      busyLines: 10,
    });
    let count = 0;
    await vi.waitFor(
      () => {
        for (const end = count + 100; count < end; count += 1) {
          logRequest(logging, count, true);
        }
        // Written by the thread: nothing comes here between two turns of the loop.
        expect(stderr.lines().length).toBeGreaterThan(1000);
      },
      { timeout: 20_000, interval: 10 },
    );
    await logging.accessLog?.close();
    logRequest(logging, count, true);
    await logging.close();
    expect(numbersIn(stdout.lines())).toEqual(upTo(count));
    expect(numbersIn(stderr.lines())).toEqual(upTo(count + 1));
  });

  it('starts for many lines a second only', async () => {
    const starts = vi.fn();
    const thread = aThread(100, { entry: new URL('data:text/javascript,'), onLost: starts });
    const write = thread.outputs[0]?.prepare({ kind: 'access' });
    for (let count = 0; count < 99; count += 1) {
      write?.(0, []);
    }
    expect(thread.ring).toBeUndefined();
    await thread.outputs[0]?.close();
    await thread.close();
    expect(starts).not.toHaveBeenCalled();
  });

  it('does not start for as many lines in a longer time', async () => {
    const onLost = vi.fn();
    const thread = aThread(100, { entry: new URL('data:text/javascript,throw 1;'), onLost });
    const write = thread.outputs[0]?.prepare({ kind: 'access' });
    const writeHundred = (): void => {
      for (let count = 0; count < 100; count += 1) {
        write?.(0, []);
      }
    };
    for (let turn = 0; turn < 3; turn += 1) {
      // More than the second in which lines are counted.
      await delay(1100);
      writeHundred();
    }
    await delay(300);
    expect(onLost).not.toHaveBeenCalled();
    // It would have been told of the thread that cannot start: as it is of this one.
    writeHundred();
    await vi.waitFor(() => expect(onLost).toHaveBeenCalledOnce());
    await thread.outputs[0]?.close();
    await thread.close();
  });

  it('lets a severe line out at once', async () => {
    const thread = aThread(10, { flushAfterMs: 3_600_000 });
    await makeBusy(thread);
    const [output] = thread.outputs;
    output?.write('severe\n');
    await delay(300);
    expect(stderr.text()).not.toContain('severe');
    output?.flush();
    await vi.waitFor(() => expect(stderr.lines().at(-1)).toBe('severe'));
    await output?.close();
    await thread.close();
  });

  function aThread(
    busyLines: number,
    more: {
      flushAfterMs?: number;
      entry?: URL;
      onLost?: (error: unknown) => void;
      onDropped?: () => void;
    } = {},
  ): LogThread {
    return new BuiltThread(
      [{ fd: stderr.fd, flushAfterMs: more.flushAfterMs ?? 5, sharesPipe: false }],
      {
        busyLines,
        onDropped: more.onDropped ?? ((): void => {}),
        onLost: more.onLost ?? ((): void => {}),
        ...(more.entry === undefined ? {} : { entry: more.entry }),
      },
    );
  }

  /** Writes lines until the thread has taken over. */
  async function makeBusy(thread: LogThread): Promise<number> {
    const [output] = thread.outputs;
    const write = output?.prepare({ kind: 'access' });
    let count = 0;
    await vi.waitFor(
      () => {
        for (const end = count + 100; count < end; count += 1) {
          write?.(0, ['192.0.2.1', 'GET', `/v2/manifests/${count}`, '1.1', 200, 0, '', 'client']);
        }
        expect(thread.ring).toBeDefined();
      },
      { timeout: 20_000, interval: 10 },
    );
    return count;
  }

  it('wakes after a rest and writes a line longer than its memory in its place', async () => {
    const thread = aThread(10);
    const [output] = thread.outputs;
    const count = await makeBusy(thread);
    await vi.waitFor(() => expect(stderr.lines()).toHaveLength(count));
    // Longer than it looks for lines by itself.
    await delay(1500);
    output?.write('after a rest\n');
    await vi.waitFor(() => expect(stderr.lines()).toHaveLength(count + 1));
    const long = 'long '.repeat(300_000);
    output?.write(`${long}\n`);
    output?.write('after the long one\n');
    output?.flush();
    await vi.waitFor(() =>
      expect(stderr.lines().slice(count)).toEqual(['after a rest', long, 'after the long one']),
    );
    output?.write('fatal\n');
    output?.flushSync();
    expect(stderr.lines().at(-1)).toBe('fatal');
    await output?.close();
    output?.write('late\n');
    await thread.close();
    expect(stderr.lines().at(-1)).toBe('fatal');
  });

  it.each([
    ['throws', 'data:text/javascript,throw new Error("no");'],
    ['ends', 'data:text/javascript,process.exit(1);'],
    ['is not there', 'file:///nowhere/entry.js'],
  ])('goes on without a thread that %s at its start', async (_name, entry) => {
    const onLost = vi.fn();
    const thread = aThread(10, { entry: new URL(entry), onLost });
    const [output] = thread.outputs;
    const write = output?.prepare({ kind: 'access' });
    const values = ['192.0.2.1', 'GET', '/v2/', '1.1', 200, 0, '', 'client'];
    for (let count = 0; count < 50; count += 1) {
      write?.(0, values);
    }
    await vi.waitFor(() => expect(onLost).toHaveBeenCalledOnce());
    write?.(0, values);
    await output?.close();
    await thread.close();
    expect(stderr.lines()).toHaveLength(51);
  });

  it('goes on without a thread that dies under load, and says so', async () => {
    const onLost = vi.fn();
    const path = new URL('../../fault/dying-log-entry.mjs', import.meta.url);
    const thread = aThread(10, { entry: path, onLost });
    const [output] = thread.outputs;
    await makeBusy(thread);
    // The line at which that entry dies.
    output?.write('die\n');
    await vi.waitFor(() => expect(onLost).toHaveBeenCalledOnce());
    output?.write('alive\n');
    await output?.close();
    await thread.close();
    expect(stderr.lines().at(-1)).toBe('alive');
  });
});

describe('LogThread and the end of the process', () => {
  const script = (ending: string): string => `
    const { createLogging } = await import(${JSON.stringify(new URL('create-logging.js', built).href)});
    const logging = createLogging(${JSON.stringify(options)}, { version: 'v1', busyLines: 100 });
    const request = { method: 'GET', path: '/', rawQuery: '', httpVersion: '1.1',
      remoteAddress: '::1', receivedAtMs: 0, header: () => undefined };
    let count = 0;
    const log = () => { for (const end = count + 50; count < end; count += 1) {
      logging.accessLog.write({ ...request, path: '/v2/manifests/' + count }, 200, 0);
      logging.logger.info('line ' + count);
    } };
    for (let turn = 0; turn < Number(process.env.TURNS); turn += 1) {
      log();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    log();
    ${ending}`;

  const inOrder = (numbers: number[]): number[] => numbers;
  // A write that a busy machine's thread pool has not got to yet comes out behind what the exit writes itself.
  const inAnyOrder = (numbers: number[]): number[] => numbers.toSorted((a, b) => a - b);

  it.each([
    ['process.exit', 'process.exit(3);', 3, inAnyOrder],
    ['an uncaught exception', 'setImmediate(() => { throw new Error("boom"); });', 1, inAnyOrder],
    ['an empty event loop', '', 0, inOrder],
    ['close', 'await logging.close();', 0, inOrder],
  ])(
    'no line is lost at %s, whether the thread is there or still loads',
    (_name, ending, status, arranged) => {
      for (const turns of [0, 2, 4, 8, 100]) {
        const run = spawnSync(process.execPath, ['--input-type=module', '-e', script(ending)], {
          encoding: 'utf8',
          maxBuffer: 64 * 1024 * 1024,
          env: { ...process.env, TURNS: String(turns) },
        });
        expect(run.status, `${turns} turns: ${run.stderr.slice(-500)}`).toBe(status);
        const expected = upTo((turns + 1) * 50);
        const accessLines = numbersIn(run.stdout.split('\n'));
        expect(arranged(accessLines), `${turns} turns`).toEqual(expected);
        const lines = [...run.stderr.matchAll(/msg="line (\d+)"/g)].map((match) =>
          Number(match[1]),
        );
        expect(arranged(lines), `${turns} turns`).toEqual(expected);
      }
    },
  );
});

describe('LogThread on a pipe that is read slowly', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'log-thread-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('drops and counts access lines, keeps the other log, and tells once output flows', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const stderr = aLogFile();
    const logging = createLogging(options, {
      version: 'v1',
      stdout: fd,
      stderr: stderr.fd,
      busyLines: 100,
    });
    let count = 0;
    await vi.waitFor(
      () => {
        for (const end = count + 100; count < end; count += 1) {
          logRequest(logging, count);
        }
        expect(logging.dropped().accessLines).toBeGreaterThan(0);
      },
      { timeout: 60_000, interval: 5 },
    );
    const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    reader.stdout.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    await vi.waitFor(() => expect(stderr.text()).toContain('access log lines dropped'), {
      timeout: 30_000,
    });
    const { accessLines, lines } = logging.dropped();
    await logging.close();
    closeSync(fd);
    await once(reader, 'close');
    // A machine too busy for both threads may lose some, but must say so.
    expect(numbersIn(stderr.lines())).toHaveLength(count - lines);
    const seen = numbersIn(text.split('\n'));
    expect(seen).toHaveLength(count - accessLines);
    expect(seen).toEqual(seen.toSorted((left, right) => left - right));
    stderr.remove();
  });
});
