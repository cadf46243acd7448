import { describe, expect, it } from 'vitest';
import {
  type AccessFields,
  AccessLog,
  createAccessLines,
} from '../../../src/observe/access-log.ts';
import { createApacheTime } from '../../../src/observe/go-text.ts';
import { joined } from '../../../src/observe/line-output.ts';
import { LineWriter } from '../../../src/observe/line-writer.ts';
import { aLogFile } from '../../support/log-file.ts';

const usual: AccessFields = {
  remoteAddress: '192.0.2.1',
  time: '25/Nov/2026:03:07:27 +0000',
  method: 'GET',
  target: '/v2/a/manifests/latest',
  httpVersion: '1.1',
  status: 200,
  bodyBytes: 527,
  referer: undefined,
  userAgent: 'docker/27.0 (linux)',
};

const accessLine = (fields: AccessFields): string => joined(createAccessLines()(fields));

describe('createAccessLines', () => {
  it('is Apache combined', () => {
    expect(accessLine(usual)).toBe(
      '192.0.2.1 - - [25/Nov/2026:03:07:27 +0000] "GET /v2/a/manifests/latest HTTP/1.1" 200 527 "" "docker/27.0 (linux)"\n',
    );
  });

  it('shows 0 bytes for HEAD, a referer, a user of the request target, HTTP/2', () => {
    expect(
      accessLine({
        ...usual,
        method: 'HEAD',
        bodyBytes: 0,
        referer: 'https://x/',
        user: 'joe',
        httpVersion: '2.0',
      }),
    ).toBe(
      '192.0.2.1 - joe [25/Nov/2026:03:07:27 +0000] "HEAD /v2/a/manifests/latest HTTP/2.0" 200 0 "https://x/" "docker/27.0 (linux)"\n',
    );
  });

  it('prints a dash for the peer of a unix socket', () => {
    expect(accessLine({ ...usual, remoteAddress: '' })).toMatch(/^- - - \[/);
  });

  it('lets nobody forge a line', () => {
    const line = accessLine({
      ...usual,
      target: '/v2/"\n',
      referer: 'a\\b',
      userAgent: 'x" 200 0 "\r\n10.0.0.1 - - \u001b[0m é \u00ff',
    });
    expect(line).toBe(
      '192.0.2.1 - - [25/Nov/2026:03:07:27 +0000] "GET /v2/\\"\\n HTTP/1.1" 200 527 "a\\\\b" "x\\" 200 0 \\"\\r\\n10.0.0.1 - - \\x1b[0m é ÿ"\n',
    );
  });
});

describe('AccessLog', () => {
  it('writes a line per request, by close at the latest, upload tokens cut', async () => {
    const file = aLogFile();
    const log = new AccessLog(new LineWriter(file.fd, { flushAfterMs: 3_600_000 }));
    const headers: Record<string, string> = {
      'user-agent': 'containerd',
      referer: 'https://x/?_state=abcdefghijklmnop&b=1',
    };
    const request = {
      method: 'PUT',
      path: '/v2/a/blobs/uploads/1',
      rawQuery: '_state=abcdefghijklmnop%3D&digest=sha256:00',
      httpVersion: '1.1',
      remoteAddress: '::1',
      receivedAtMs: 1_764_039_601_000,
      header: (name: string) => headers[name],
    };
    log.write(request, 201, 0);
    log.write({ ...request, method: 'GET', path: '/', rawQuery: '' }, 503, 12);
    await log.close();
    const time = createApacheTime()(1_764_039_601_000);
    const tail = '"https://x/?_state=abcdefgh…&b=1" "containerd"\n';
    expect(file.text()).toBe(
      `::1 - - [${time}] "PUT /v2/a/blobs/uploads/1?_state=abcdefgh…&digest=sha256:00 HTTP/1.1" 201 0 ${tail}` +
        `::1 - - [${time}] "GET / HTTP/1.1" 503 12 ${tail}`,
    );
    file.remove();
  });
});
