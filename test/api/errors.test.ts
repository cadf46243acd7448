/** Errors: the envelope, its headers, and the table of codes. distribution-spec "Error Codes". */

import { expect, test } from 'vitest';
import { CodedError } from '../../src/errors.ts';
import { errorEntries, errorReply } from '../../src/http/error-reply.ts';
import { errorCodes, isErrorCode } from '../../src/oci/error-code.ts';
import { digestOf, ociManifest } from '../support/api-client.ts';
import { onBothFrontEnds } from '../support/api-suite.ts';

const missing = digestOf('missing');

onBothFrontEnds('errors', { config: { http: { headers: { 'X-Operator': ['yes'] } } } }, (on) => {
  test.each([
    ['GET', `/v2/e/blobs/${missing}`, 404, 'BLOB_UNKNOWN'],
    ['GET', '/v2/e/manifests/v1', 404, 'MANIFEST_UNKNOWN'],
    ['GET', '/v2/e/tags/list', 404, 'NAME_UNKNOWN'],
    ['GET', '/v2/e/blobs/uploads/none', 404, 'BLOB_UPLOAD_UNKNOWN'],
    ['PATCH', '/v2/e/blobs/uploads/none', 404, 'BLOB_UPLOAD_INVALID'],
    ['PUT', '/v2/e/manifests/v1', 400, 'MANIFEST_INVALID'],
    ['GET', '/v2/E/tags/list', 400, 'NAME_INVALID'],
    ['GET', '/v2/_catalog?n=x', 400, 'PAGINATION_NUMBER_INVALID'],
    ['POST', '/v2/_catalog', 405, 'UNSUPPORTED'],
  ])('%s %s: %i %s', async (method, path, status, code) => {
    const reply = await on.api.send(method, path);
    expect(reply.status).toBe(status);
    expect(reply.codes()).toEqual([code]);
    expect(reply.headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': String(reply.body.length),
      'docker-distribution-api-version': 'registry/2.0',
      'x-operator': 'yes',
    });
    expect(reply.text.endsWith('}\n')).toBe(true);
    expect(reply.text.split('\n')).toHaveLength(2);
  });

  test.each([
    `/v2/e/blobs/${missing}`,
    '/v2/e/manifests/v1',
    '/v2/e/tags/list',
    '/v2/nowhere',
    '/v2/E/tags/list',
  ])('HEAD of %s has the length of the body that GET gives, and none itself', async (path) => {
    const [head, get] = [await on.api.head(path), await on.api.get(path)];
    expect(head.status).toBe(get.status);
    expect(head.body).toHaveLength(0);
    expect(head.headers['content-length']).toBe(String(get.body.length));
    expect(head.headers['content-type']).toBe('application/json');
  });

  test('characters of HTML are escaped', async () => {
    const reply = await on.api.putManifest('e', 'v1', '{}', 'text/<b>&');
    expect(reply.text).toContain('text/\\u003cb\\u003e\\u0026');
    expect(JSON.stringify(reply.json())).toContain('text/<b>&');
  });

  test('a refused body does not break the connection for the next request', async () => {
    for (let round = 0; round < 3; round++) {
      const refused = await on.api.send('PUT', '/v2/e/manifests/v1', {
        headers: { 'content-type': ociManifest },
        body: Buffer.alloc(100_000),
      });
      expect(refused.status).toBe(400);
      expect((await on.api.get('/v2/')).status).toBe(200);
    }
  });
});

test('every code makes a reply of its status, with one document', () => {
  for (const [code, { status }] of Object.entries(errorCodes)) {
    const reply = errorReply(errorEntries(new CodedError(code, '')));
    expect(reply.status).toBe(status);
    const { errors } = JSON.parse(String(reply.body)) as { errors: { code: string }[] };
    expect(errors).toHaveLength(1);
    expect(errors[0]?.code).toMatch(/^[A-Z_]+$/);
    expect(isErrorCode(errors[0]?.code ?? '')).toBe(true);
  }
});

test('what nobody foresaw is a 500 that tells nothing', () => {
  const reply = errorReply(errorEntries(new Error('/var/lib/secret')));
  expect(reply.status).toBe(500);
  expect(reply.body).not.toContain('secret');
});
