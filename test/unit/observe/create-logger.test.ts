import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger, type LoggerParts } from '../../../src/observe/create-logger.ts';
import type { LogRecord } from '../../../src/observe/line-format.ts';
import { LineWriter } from '../../../src/observe/line-writer.ts';
import type { LogLevel } from '../../../src/observe/logger.ts';
import { aLogFile, type LogFile } from '../../support/log-file.ts';

let file: LogFile;
let writer: LineWriter;
beforeEach(() => {
  file = aLogFile();
  writer = new LineWriter(file.fd, { flushAfterMs: 3_600_000 });
});
afterEach(async () => {
  await writer.close();
  file.remove();
});

function parts(more: Partial<LoggerParts> = {}): LoggerParts {
  return {
    level: 'info',
    format: { name: 'json', startMs: 0 },
    writer,
    now: () => 0,
    ...more,
  };
}

async function records(): Promise<Record<string, unknown>[]> {
  await writer.close();
  return file.lines().map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('createLogger', () => {
  it('logs its level and what is worse, and says so beforehand', async () => {
    const logger = createLogger(parts({ level: 'warn' }));
    const levels: LogLevel[] = ['debug', 'info', 'warn', 'error', 'fatal', 'panic'];
    for (const level of levels) {
      logger.log(level, `a ${level}`);
    }
    expect(levels.map((level) => logger.isEnabled(level))).toEqual([
      false,
      false,
      true,
      true,
      true,
      true,
    ]);
    expect((await records()).map((record) => record['level']).sort()).toEqual([
      'error',
      'fatal',
      'panic',
      'warning',
    ]);
  });

  it('joins its own fields, a child’s and the line’s, the nearest winning', async () => {
    const logger = createLogger(parts({ fields: { service: 'registry', a: 1, b: 1 } }));
    const child = logger.child({ a: 2, 'http.request.id': 'x' });
    child.info('one', { b: 3 });
    child.child({ a: 4 }).info('two');
    logger.info('three');
    expect(await records()).toMatchObject([
      { msg: 'one', service: 'registry', a: 2, b: 3, 'http.request.id': 'x' },
      { msg: 'two', a: 4, b: 1, 'http.request.id': 'x' },
      { msg: 'three', a: 1, b: 1 },
    ]);
  });

  it('prints messages and fields as they are, without formatting or request serialising', async () => {
    const logger = createLogger(parts());
    logger.info('100%s of %d %o', { method: 'GET', headers: { a: 1 }, socket: { b: 2 }, err: 'x' });
    const [record] = await records();
    expect(record).toMatchObject({ msg: '100%s of %d %o', method: 'GET', err: 'x' });
    expect(record).toMatchObject({ headers: { a: 1 }, socket: { b: 2 } });
  });

  it('never throws, and still prints the message, when a field cannot be read', async () => {
    const logger = createLogger(parts({ fields: { service: 'registry' } }));
    const trap = Object.defineProperty({}, 'broken', {
      enumerable: true,
      get: () => {
        throw new Error('trap');
      },
    });
    logger.warn('seen', trap);
    expect((await records()).at(-1)).toMatchObject({ msg: 'seen', level: 'warning' });
  });

  it.each(['fatal', 'panic'] as const)('has written a %s line when it returns', (level) => {
    const logger = createLogger(parts());
    logger.info('before');
    logger.log(level, 'the end');
    expect(file.lines().map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      'before',
      'the end',
    ]);
  });

  it('names the calling function and file when asked to', async () => {
    const logger = createLogger(
      parts({ reportCaller: true, format: { name: 'text', startMs: 0 } }),
    );
    function serveSomething(): void {
      logger.info('called', { func: 'mine' });
    }
    serveSomething();
    logger.prepare('info', 'prepared', ['a'])([1]);
    await writer.close();
    const [called, prepared] = file.lines();
    expect(called).toMatch(
      /msg=called func=serveSomething file=".*create-logger\.test\.ts:\d+" fields\.func=mine$/,
    );
    expect(prepared).toMatch(/msg=prepared func=\S+ file=".*:\d+" a=1$/);
  });

  it('shows hooks the records of their levels, prepared lines included', async () => {
    const seen: LogRecord[] = [];
    const hook = {
      levels: new Set<LogLevel>(['error', 'debug']),
      fire: (record: LogRecord) => void seen.push(record),
    };
    const logger = createLogger(parts({ hooks: [hook], fields: { service: 'registry' } }));
    logger.info('not this');
    logger.debug('nor this, below the level');
    logger.error('this', { a: 1 });
    logger.prepare('error', 'and this', ['b'])([2]);
    logger.prepare('info', 'not that', ['b'])([2]);
    expect(seen).toEqual([
      { level: 'error', timeMs: 0, message: 'this', fields: { service: 'registry', a: 1 } },
      { level: 'error', timeMs: 0, message: 'and this', fields: { service: 'registry', b: 2 } },
    ]);
    expect(await records()).toHaveLength(4);
  });

  it('prepares nothing below its level', async () => {
    createLogger(parts()).prepare('debug', 'unseen', ['a'])([1]);
    expect(await records()).toEqual([]);
  });
});
