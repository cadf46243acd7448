/** GET, HEAD and DELETE of blobs: ranges, conditions, digests of other algorithms. RFC 9110 sections 13 and 14. */

import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { digestOf, withQuery } from '../support/api-client.ts';
import { onBothFrontEnds } from '../support/api-suite.ts';

onBothFrontEnds('blobs', {}, (on) => {
  const bytes = Buffer.from('0123456789abcdefghij');
  const digest = digestOf(bytes);
  const url = `/v2/blobs/blobs/${digest}`;
  const identity = {
    etag: `"${digest}"`,
    'docker-content-digest': digest,
    'cache-control': 'max-age=31536000',
  };

  beforeAll(async () => {
    await on.api.pushBlob('blobs', bytes);
  });

  test('GET gives the bytes with their identity', async () => {
    const reply = await on.api.get(url);
    expect(reply.status).toBe(200);
    expect(reply.body).toEqual(bytes);
    expect(reply.headers).toMatchObject({
      ...identity,
      'content-type': 'application/octet-stream',
      'content-length': '20',
      'accept-ranges': 'bytes',
    });
  });

  test('HEAD has the headers of GET and no body', async () => {
    const [head, get] = [await on.api.head(url), await on.api.get(url)];
    expect(head.status).toBe(200);
    expect(head.body).toHaveLength(0);
    const { date: _, ...headHeaders } = head.headers;
    const { date: __, ...getHeaders } = get.headers;
    expect(headHeaders).toEqual(getHeaders);
  });

  test('a blob larger than any buffer comes whole', async () => {
    const large = randomBytes(3 * 1024 * 1024 + 17);
    const name = await on.api.pushBlob('blobs', large);
    const reply = await on.api.get(`/v2/blobs/blobs/${name}`);
    expect(reply.headers['content-length']).toBe(String(large.length));
    expect(digestOf(reply.body)).toBe(name);
    const part = await on.api.get(`/v2/blobs/blobs/${name}`, { range: 'bytes=1000000-2000000' });
    expect(part.body.equals(large.subarray(1_000_000, 2_000_001))).toBe(true);
  });

  test('a blob of no bytes comes with length 0', async () => {
    const empty = await on.api.pushBlob('blobs', '');
    for (const method of ['GET', 'HEAD']) {
      const reply = await on.api.send(method, `/v2/blobs/blobs/${empty}`);
      expect(reply.status).toBe(200);
      expect(reply.headers['content-length']).toBe('0');
      expect(reply.headers['docker-content-digest']).toBe(empty);
    }
    const ranged = await on.api.get(`/v2/blobs/blobs/${empty}`, { range: 'bytes=0-0' });
    expect(ranged.status).toBe(200);
  });

  test.each(['sha384', 'sha512'])(
    'a blob pushed by %s is pulled by it and by sha256',
    async (algorithm) => {
      const content = `by ${algorithm}`;
      const other = digestOf(content, algorithm);
      const location = await on.api.startUpload('blobs');
      expect((await on.api.finishUpload(location, other, content)).status).toBe(201);
      const reply = await on.api.get(`/v2/blobs/blobs/${other}`);
      expect(reply.text).toBe(content);
      expect(reply.headers['docker-content-digest']).toBe(other);
      expect(reply.headers.etag).toBe(`"${other}"`);
      expect((await on.api.get(`/v2/blobs/blobs/${digestOf(content)}`)).text).toBe(content);
    },
  );

  test.each(['GET', 'HEAD', 'DELETE'])('%s of an unknown blob is a 404', async (method) => {
    const missing = digestOf('never pushed');
    const reply = await on.api.send(method, `/v2/blobs/blobs/${missing}`);
    expect(reply.status).toBe(404);
    if (method === 'HEAD') {
      expect(reply.body).toHaveLength(0);
      expect(Number(reply.headers['content-length'])).toBeGreaterThan(0);
    } else {
      expect(reply.codes()).toEqual(['BLOB_UNKNOWN']);
    }
  });

  test('a blob of another repository is unknown', async () => {
    expect((await on.api.get(`/v2/other/blobs/${digest}`)).codes()).toEqual(['BLOB_UNKNOWN']);
  });

  test('a manifest is no blob', async () => {
    const { digest: manifest } = await on.api.pushImage('blobs', 'v1');
    expect((await on.api.get(`/v2/blobs/blobs/${manifest}`)).status).toBe(404);
  });

  test.each([
    'sha256:abc',
    'md5:d41d8cd98f00b204e9800998ecf8427e',
    `sha256:${'A'.repeat(64)}`,
    'x:y',
    ':',
  ])('a bad digest is a 400: %s', async (bad) => {
    const reply = await on.api.get(`/v2/blobs/blobs/${bad}`);
    expect(reply.status).toBe(400);
    expect(reply.codes()).toEqual(['DIGEST_INVALID']);
  });

  describe('ranges', () => {
    test.each([
      ['bytes=0-3', '0123', 'bytes 0-3/20'],
      ['bytes=5-5', '5', 'bytes 5-5/20'],
      ['bytes=15-', 'fghij', 'bytes 15-19/20'],
      ['bytes=-4', 'ghij', 'bytes 16-19/20'],
      ['bytes=-100', bytes.toString(), 'bytes 0-19/20'],
      ['bytes=18-400', 'ij', 'bytes 18-19/20'],
      ['bytes=0-3,30-40', '0123', 'bytes 0-3/20'],
    ])('%s is a 206', async (range, expected, contentRange) => {
      const reply = await on.api.get(url, { range });
      expect(reply.status).toBe(206);
      expect(reply.text).toBe(expected);
      expect(reply.headers).toMatchObject({
        ...identity,
        'content-range': contentRange,
        'content-length': String(expected.length),
        'content-type': 'application/octet-stream',
      });
      const head = await on.api.head(url, { range });
      expect(head.status).toBe(206);
      expect(head.headers['content-length']).toBe(String(expected.length));
      expect(head.headers['content-range']).toBe(contentRange);
    });

    test('several ranges come as multipart/byteranges', async () => {
      const reply = await on.api.get(url, { range: 'bytes=0-1, 5-6,-2' });
      expect(reply.status).toBe(206);
      const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(
        String(reply.headers['content-type']),
      )?.[1];
      const part = (range: string, content: string): string =>
        `--${boundary}\r\nContent-Range: bytes ${range}/20\r\nContent-Type: application/octet-stream\r\n\r\n${content}\r\n`;
      expect(reply.text).toBe(
        `${part('0-1', '01')}${part('5-6', '56')}${part('18-19', 'ij')}--${boundary}--\r\n`,
      );
      expect(reply.headers['content-length']).toBe(String(reply.body.length));
      expect(reply.headers).not.toHaveProperty('content-range');
      const head = await on.api.head(url, { range: 'bytes=0-1, 5-6,-2' });
      expect(head.headers['content-length']).toBe(String(reply.body.length));
    });

    test('ranges that add up to more than the blob give all of it', async () => {
      const reply = await on.api.get(url, { range: 'bytes=0-15,5-19' });
      expect(reply.status).toBe(200);
      expect(reply.body).toEqual(bytes);
    });

    test.each(['bytes=20-', 'bytes=100-200', 'bytes=-0'])('%s is a 416', async (range) => {
      const reply = await on.api.get(url, { range });
      expect(reply.status).toBe(416);
      expect(reply.headers['content-range']).toBe('bytes */20');
      expect(reply.headers).not.toHaveProperty('etag');
      const head = await on.api.head(url, { range });
      expect(head.status).toBe(416);
      expect(head.body).toHaveLength(0);
    });

    test.each(['foo', 'bytes=5-3', 'bytes=a-b', 'bytes=-', 'lines=1-2'])(
      'a malformed range is a 416: %s',
      async (range) => {
        expect((await on.api.get(url, { range })).status).toBe(416);
      },
    );
  });

  describe('conditions', () => {
    test.each([`"${digest}"`, `W/"${digest}"`, digest, '*', `"x", "${digest}"`])(
      'If-None-Match %s is a 304 with the identity',
      async (tag) => {
        for (const method of ['GET', 'HEAD']) {
          const reply = await on.api.send(method, url, { headers: { 'if-none-match': tag } });
          expect(reply.status).toBe(304);
          expect(reply.headers).toMatchObject(identity);
          expect(reply.body).toHaveLength(0);
        }
      },
    );

    test('another If-None-Match gives the blob', async () => {
      expect((await on.api.get(url, { 'if-none-match': '"sha256:x"' })).status).toBe(200);
    });

    test('If-None-Match of a missing blob is a 404', async () => {
      const missing = digestOf('gone');
      const reply = await on.api.get(`/v2/blobs/blobs/${missing}`, { 'if-none-match': '*' });
      expect(reply.status).toBe(404);
    });

    test('If-Match lets the right tag through and refuses another', async () => {
      expect((await on.api.get(url, { 'if-match': `"${digest}"` })).status).toBe(200);
      expect((await on.api.get(url, { 'if-match': '*' })).status).toBe(200);
      const refused = await on.api.get(url, { 'if-match': '"other"' });
      expect(refused.status).toBe(412);
      expect(refused.body).toHaveLength(0);
    });

    test('If-Range with another tag gives the whole blob', async () => {
      const range = 'bytes=0-3';
      expect((await on.api.get(url, { range, 'if-range': `"${digest}"` })).status).toBe(206);
      expect((await on.api.get(url, { range, 'if-range': '"other"' })).status).toBe(200);
      expect((await on.api.get(url, { range, 'if-range': `W/"${digest}"` })).status).toBe(200);
    });

    test('dates are ignored', async () => {
      const reply = await on.api.get(url, { 'if-modified-since': 'Fri, 31 Dec 2100 23:59:59 GMT' });
      expect(reply.status).toBe(200);
    });
  });

  test('a deleted blob is gone from its repository alone', async () => {
    const gone = await on.api.pushBlob('blobs', 'to be deleted');
    await on.api.pushBlob('blobs/kept', 'to be deleted');
    const reply = await on.api.delete(`/v2/blobs/blobs/${gone}`);
    expect(reply.status).toBe(202);
    expect(reply.headers['content-length']).toBe('0');
    expect((await on.api.get(`/v2/blobs/blobs/${gone}`)).status).toBe(404);
    expect((await on.api.head(`/v2/blobs/blobs/${gone}`)).status).toBe(404);
    expect((await on.api.delete(`/v2/blobs/blobs/${gone}`)).codes()).toEqual(['BLOB_UNKNOWN']);
    expect((await on.api.get(`/v2/blobs/kept/blobs/${gone}`)).status).toBe(200);
    await on.api.pushBlob('blobs', 'to be deleted');
    expect((await on.api.get(`/v2/blobs/blobs/${gone}`)).status).toBe(200);
  });

  test('deleting a blob by its sha512 digest removes it under that digest', async () => {
    const content = 'two names';
    const other = digestOf(content, 'sha512');
    const location = await on.api.startUpload('blobs');
    await on.api.send('PUT', withQuery(location, `digest=${other}`), { body: content });
    expect((await on.api.delete(`/v2/blobs/blobs/${other}`)).status).toBe(202);
    expect((await on.api.get(`/v2/blobs/blobs/${other}`)).status).toBe(404);
  });
});
