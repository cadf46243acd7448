import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/observe/create-logger.ts';
import { LineWriter } from '../../../src/observe/line-writer.ts';
import type { LogLevel } from '../../../src/observe/logger.ts';
import { type RequestFacts, RequestLog, requestId } from '../../../src/observe/request-log.ts';
import { aLogFile, type LogFile } from '../../support/log-file.ts';

let file: LogFile;
beforeEach(() => {
  file = aLogFile();
});
afterEach(() => file.remove());

const headers: Record<string, string> = {
  host: 'registry.example.com',
  'user-agent': 'docker/27',
  'content-type': 'application/octet-stream',
  referer: 'https://x/?_state=abcdefghijklmnop',
  authorization: 'Bearer very-secret',
};

const usual: RequestFacts = {
  request: {
    method: 'GET',
    path: '/v2/team/app/manifests/1.0',
    rawQuery: '_state=abcdefghijklmnop',
    httpVersion: '1.1',
    remoteAddress: '192.0.2.1',
    receivedAtMs: 0,
    header: (name) => headers[name],
  },
  id: 'id-1',
  clientAddress: '192.0.2.1:4000',
  status: 200,
  sentBytes: 527,
  responseContentType: 'application/json',
  durationMs: 1.5,
  repository: 'team/app',
  reference: '1.0',
  digest: 'sha256:00',
  user: 'joe',
};

async function logged(level: LogLevel, facts: RequestFacts): Promise<Record<string, unknown>> {
  const writer = new LineWriter(file.fd, { flushAfterMs: 3_600_000 });
  const logger = createLogger({
    level,
    format: { name: 'json', startMs: 0 },
    writer,
    now: () => 0,
  });
  new RequestLog(logger).write(facts);
  await writer.close();
  const lines = file.lines();
  expect(lines).toHaveLength(1);
  const { time: _time, ...record } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  return record;
}

describe('RequestLog', () => {
  it('logs who asked what, and what came of it, at info', async () => {
    expect(await logged('info', { ...usual, phases: { auth: 1 } })).toEqual({
      level: 'info',
      msg: 'response completed',
      'auth.user.name': 'joe',
      'http.request.contenttype': 'application/octet-stream',
      'http.request.host': 'registry.example.com',
      'http.request.id': 'id-1',
      'http.request.method': 'GET',
      'http.request.referer': 'https://x/?_state=abcdefgh…',
      'http.request.remoteaddr': '192.0.2.1:4000',
      'http.request.uri': '/v2/team/app/manifests/1.0?_state=abcdefgh…',
      'http.request.useragent': 'docker/27',
      'http.response.contenttype': 'application/json',
      'http.response.duration': '1.5ms',
      'http.response.status': 200,
      'http.response.written': 527,
      'vars.digest': 'sha256:00',
      'vars.name': 'team/app',
      'vars.reference': '1.0',
    });
  });

  it('leaves out what is absent', async () => {
    const record = await logged('info', {
      request: { ...usual.request, path: '/v2/', rawQuery: '', header: () => undefined },
      id: 'id-2',
      clientAddress: '',
      status: 200,
      sentBytes: 2,
      durationMs: 0.25,
    });
    expect(Object.keys(record)).toEqual([
      'http.request.id',
      'http.request.method',
      'http.request.uri',
      'http.response.duration',
      'http.response.status',
      'http.response.written',
      'level',
      'msg',
    ]);
  });

  it('adds the time per phase at debug', async () => {
    expect(await logged('debug', { ...usual, phases: { auth: 0.5, storage: 1200 } })).toMatchObject(
      { 'timing.auth': '500µs', 'timing.storage': '1.2s' },
    );
  });

  it('keeps a client’s mistake at info, with the code in words', async () => {
    const record = await logged('info', {
      ...usual,
      status: 404,
      errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown', detail: { Tag: '1.0' } }],
    });
    expect(record).toMatchObject({
      level: 'info',
      msg: 'response completed with error',
      'err.code': 'manifest unknown',
      'err.message': 'manifest unknown',
      'err.detail': { Tag: '1.0' },
    });
    expect(record).not.toHaveProperty('err.count');
    expect(record).not.toHaveProperty('error');
  });

  it('logs its own failures as errors, with the chain of causes', async () => {
    const cause = new Error('cannot read link', { cause: new Error('EIO: i/o error') });
    expect(
      await logged('error', {
        ...usual,
        status: 500,
        errors: [{ code: 'UNKNOWN', message: 'unknown error', cause }],
      }),
    ).toMatchObject({
      level: 'error',
      'err.code': 'unknown',
      error: 'cannot read link: EIO: i/o error',
      'http.response.status': 500,
    });
  });

  it('shows the first of several errors and their number', async () => {
    const missing = (digest: string) => ({
      code: 'MANIFEST_BLOB_UNKNOWN',
      message: 'blob unknown to registry',
      detail: digest,
    });
    expect(
      await logged('info', { ...usual, status: 400, errors: [missing('a'), missing('b')] }),
    ).toMatchObject({ 'err.detail': 'a', 'err.count': 2 });
  });

  it('asks for phase times only when they are printed', async () => {
    const writer = new LineWriter(file.fd, { flushAfterMs: 3_600_000 });
    const of = (level: LogLevel): RequestLog =>
      new RequestLog(createLogger({ level, format: { name: 'text', startMs: 0 }, writer }));
    expect([of('debug').wantsPhases, of('info').wantsPhases]).toEqual([true, false]);
    await writer.close();
  });

  it('never prints credentials', async () => {
    await logged('debug', usual);
    expect(file.text()).not.toContain('very-secret');
  });
});

describe('requestId', () => {
  it('honours a sane X-Request-Id', () => {
    expect(requestId('ci-build-42/7')).toBe('ci-build-42/7');
    expect(requestId('x'.repeat(128))).toBe('x'.repeat(128));
  });

  it.each([undefined, '', 'x'.repeat(129), 'two words', 'a\nb', 'é'])('replaces %j', (header) => {
    expect(requestId(header)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });
});
