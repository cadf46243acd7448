import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogging } from '../../../src/observe/create-logging.ts';
import type { LogOptions } from '../../../src/observe/log-options.ts';
import { aLogFile, type LogFile } from '../../support/log-file.ts';

function options(more: Partial<LogOptions> = {}): LogOptions {
  return {
    accesslog: { disabled: false },
    level: 'info',
    formatter: 'text',
    fields: {},
    reportcaller: false,
    hooks: [],
    ...more,
  };
}

function mailTo(addr: string, more: object = {}): LogOptions['hooks'][number] {
  return {
    disabled: false,
    type: 'mail',
    levels: ['warn', 'error'],
    options: { smtp: { addr, insecure: false }, from: 'a@example.com', to: ['b@example.com'] },
    ...more,
  };
}

describe('createLogging', () => {
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
  const start = (more: Partial<LogOptions> = {}): ReturnType<typeof createLogging> =>
    createLogging(options(more), { version: 'v9', stdout: stdout.fd, stderr: stderr.fd });
  const request = {
    method: 'HEAD',
    path: '/v2/',
    rawQuery: '',
    httpVersion: '1.1',
    remoteAddress: '192.0.2.1',
    receivedAtMs: 0,
    header: () => undefined,
  };

  it.each([
    ['info', {}],
    ['debug', {}],
    ['info with callers', { reportcaller: true }],
    ['info with a hook', { hooks: [mailTo('127.0.0.1:9', { levels: ['info'] })] }],
  ] as [string, Partial<LogOptions>][])(
    'writes both lines at once as each alone, at %s',
    async (name, more) => {
      const logging = start({
        ...more,
        level: name === 'debug' ? 'debug' : 'info',
        formatter: 'json',
      });
      const error = { code: 'NAME_UNKNOWN', message: 'no', detail: { of: 'things' } };
      for (const [status, errors] of [[200], [404, [error]], [500, [error, error]]] as const) {
        const facts = {
          request: {
            ...request,
            rawQuery: '_state=abcdefghijklmnop',
            header: (key: string) => `${key} "ü"`,
          },
          id: `id-${status}`,
          clientAddress: '192.0.2.9',
          status,
          sentBytes: status,
          durationMs: 1.5,
          phases: { auth: 1 },
          ...(errors === undefined ? {} : { errors }),
        };
        logging.accessLog?.write(facts.request, status, status);
        logging.requestLog.write(facts);
        logging.bothLogs?.write(facts);
      }
      await logging.close();
      for (const file of [stdout, stderr]) {
        const lines = file
          .lines()
          .filter((line) => file === stdout || line.includes('http.response.status'))
          .map((line) => line.replace(/"time":"[^"]+"/, ''));
        expect(lines).toHaveLength(6);
        for (const at of [0, 2, 4]) {
          expect(lines[at + 1]).toBe(lines[at]);
        }
      }
    },
  );

  it('writes both lines at once only while both logs tell of each request', async () => {
    for (const more of [{ level: 'warn' }, { accesslog: { disabled: true } }] as const) {
      const logging = start(more);
      expect(logging.bothLogs).toBeUndefined();
      await logging.close();
    }
  });

  it('puts the application log on stderr and the access log on stdout', async () => {
    const logging = start({ fields: { service: 'registry' } });
    logging.logger.info('listening');
    logging.accessLog?.write(request, 200, 0);
    logging.requestLog.write({
      request,
      id: 'r',
      clientAddress: '',
      status: 200,
      sentBytes: 0,
      durationMs: 1,
    });
    await logging.close();
    expect(stdout.lines()).toHaveLength(1);
    expect(stdout.text()).toMatch(
      /^192\.0\.2\.1 - - \[.*\] "HEAD \/v2\/ HTTP\/1\.1" 200 0 "" ""\n$/,
    );
    const [listening, completed] = stderr.lines();
    const uuid = '[0-9a-f-]{36}';
    expect(listening).toMatch(
      new RegExp(
        `^time="[^"]+" level=info msg=listening instance\\.id=${uuid} service=registry version=v9$`,
      ),
    );
    expect(completed).toContain('msg="response completed"');
    expect(completed).toContain(' service=registry version=v9');
    expect(logging.dropped()).toEqual({ lines: 0, accessLines: 0, mails: 0 });
  });

  it('has no access log when that is disabled', async () => {
    const logging = start({ accesslog: { disabled: true } });
    expect(logging.accessLog).toBeUndefined();
    await logging.close();
  });

  it.each([
    ['text', /^time="/],
    ['json', /^\{"instance\.id"/],
    ['logstash', /^\{"@timestamp"/],
  ] as const)('formats as %s', async (formatter, expected) => {
    const logging = start({ formatter });
    logging.logger.warn('x');
    await logging.close();
    expect(stderr.text()).toMatch(expected);
  });

  it('names the key of a hook that cannot work, and ignores it when disabled', async () => {
    expect(() => start({ hooks: [mailTo('mail.example.com')] })).toThrow(
      'log.hooks[0].options.smtp.addr: must be HOST:PORT, not "mail.example.com"',
    );
    const nobody = mailTo('mail.example.com:25');
    expect(() => start({ hooks: [{ ...nobody, options: { ...nobody.options, to: [] } }] })).toThrow(
      'log.hooks[0].options: from and to are needed to send mail',
    );
    await start({ hooks: [mailTo('mail.example.com', { disabled: true })] }).close();
  });

  it('reports a mail that failed without setting off the hook again', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');

    const logging = start({ hooks: [mailTo(`127.0.0.1:${port}`)] });
    logging.logger.error('storage is gone');
    await logging.close();
    expect(stderr.lines()).toHaveLength(2);
    expect(stderr.lines()[1]).toContain('level=warning msg="mail hook: sending failed" dropped=1');
    expect(logging.dropped().mails).toBe(1);
  });
});

describe('the end of the process', () => {
  const built = new URL('../../../dist/src/observe/create-logging.js', import.meta.url);

  it.each([
    ['process.exit', 'process.exit(3);', 3],
    ['an uncaught exception', 'setImmediate(() => { throw new Error("boom"); });', 1],
    ['an empty event loop', '', 0],
  ])('loses no line at %s', (_name, ending, status) => {
    expect(existsSync(fileURLToPath(built)), 'run `npm run build` first').toBe(true);
    const script = `
      const { createLogging } = await import(${JSON.stringify(built.href)});
      const { logger, accessLog } = createLogging(${JSON.stringify(options())}, { version: 'v9' });
      for (let count = 0; count < 100; count += 1) logger.info('line ' + count);
      accessLog.write({ method: 'GET', path: '/', rawQuery: '', httpVersion: '1.1',
        remoteAddress: '::1', receivedAtMs: 0, header: () => undefined }, 200, 0);
      ${ending}`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    expect(run.status).toBe(status);
    expect(run.stdout.split('\n').filter((line) => line !== '')).toHaveLength(1);
    expect(run.stderr.match(/msg="line \d+"/g)).toHaveLength(100);
  });
});
