/** Uploads: POST, PATCH, PUT, GET, DELETE. distribution-spec "Pushing blobs"; what clients in the wild send. */

import { randomBytes } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import {
  type ApiClient,
  type ApiReply,
  digestOf,
  locationOf,
  withQuery,
} from '../support/api-client.ts';
import { onBothFrontEnds } from '../support/api-suite.ts';
import { RawConnection } from '../support/raw-connection.ts';

type Sent = Parameters<ApiClient['send']>;

const unreadableRanges = [
  'x',
  '5-1',
  '-5',
  '5-',
  'bytes 0-',
  'bytes */5',
  '0-4,6-9',
  `0-${'9'.repeat(30)}`,
];

onBothFrontEnds('uploads', {}, (on) => {
  const start = (query = '', body = ''): Promise<ApiReply> =>
    on.api.send('POST', `/v2/up/blobs/uploads/${query}`, { body });
  const pull = (digest: string): Promise<ApiReply> => on.api.get(`/v2/up/blobs/${digest}`);

  describe('POST', () => {
    test('starts a session', async () => {
      const reply = await start();
      expect(reply.status).toBe(202);
      const id = String(reply.headers['docker-upload-uuid']);
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
      expect(locationOf(reply)).toContain(`/v2/up/blobs/uploads/${id}?_state=`);
      expect(reply.headers).toMatchObject({ range: '0-0', 'content-length': '0' });
      expect(reply.headers).not.toHaveProperty('oci-chunk-min-length');
    });

    test.each(['sha256', 'sha384', 'sha512'])(
      'with `digest=` stores a blob at once: %s',
      async (algorithm) => {
        const content = `at once ${algorithm}`;
        const digest = digestOf(content, algorithm);
        const reply = await start(`?digest=${digest}`, content);
        expect(reply.status).toBe(201);
        expect(reply.headers).toMatchObject({
          location: `http://127.0.0.1:${on.api.port}/v2/up/blobs/${digest}`,
          'docker-content-digest': digest,
          'content-length': '0',
        });
        expect((await pull(digest)).text).toBe(content);
      },
    );

    test('with `digest=` stores a large blob that comes in chunks', async () => {
      const bytes = randomBytes(700_000);
      const digest = digestOf(bytes);
      const reply = await on.api.send('POST', `/v2/up/blobs/uploads/?digest=${digest}`, {
        body: [bytes.subarray(0, 300_000), bytes.subarray(300_000)],
      });
      expect(reply.status).toBe(201);
      expect((await pull(digest)).body.equals(bytes)).toBe(true);
    });

    test('with another digest is refused and leaves no blob', async () => {
      for (const body of ['small', randomBytes(300_000)]) {
        const digest = digestOf('something else');
        const reply = await on.api.send('POST', `/v2/up/blobs/uploads/?digest=${digest}`, { body });
        expect(reply.status).toBe(400);
        expect(reply.codes()).toEqual(['DIGEST_INVALID']);
        expect((await pull(digest)).status).toBe(404);
      }
    });

    test.each(['digest=sha256:abc', 'digest=md5:00', 'digest-algorithm=md5'])(
      'with %s is a 400',
      async (query) => {
        expect((await start(`?${query}`)).codes()).toEqual(['DIGEST_INVALID']);
      },
    );

    test.each(['sha256', 'sha384', 'sha512'])('announces %s for the session', async (algorithm) => {
      const reply = await start(`?digest-algorithm=${algorithm}`);
      expect(reply.status).toBe(202);
      const bytes = randomBytes(400_000);
      const patched = await on.api.patch(locationOf(reply), bytes);
      expect(patched.status).toBe(202);
      const digest = digestOf(bytes, algorithm);
      expect((await on.api.finishUpload(locationOf(patched), digest)).status).toBe(201);
      expect((await pull(digest)).body.equals(bytes)).toBe(true);
    });

    test('without the last slash starts a session too', async () => {
      const reply = await on.api.send('POST', '/v2/up/blobs/uploads', { body: '' });
      expect([202, 301, 307, 308]).toContain(reply.status);
    });

    test.each(['GET', 'HEAD', 'PATCH', 'PUT', 'DELETE'])(
      '%s without an id is a 404',
      async (method) => {
        const reply = await on.api.send(method, '/v2/up/blobs/uploads/');
        expect(reply.status).toBe(404);
        if (method !== 'HEAD') {
          expect(reply.codes()).toEqual(['BLOB_UPLOAD_UNKNOWN']);
        }
      },
    );
  });

  describe('PATCH', () => {
    test('streams a body whose length nobody knows', async () => {
      const pieces = [randomBytes(200_000), randomBytes(1), randomBytes(300_000)];
      const reply = await on.api.send('PATCH', await on.api.startUpload('up'), { body: pieces });
      expect(reply.status).toBe(202);
      expect(reply.headers.range).toBe('0-500000');
      expect(reply.headers['content-length']).toBe('0');
      const digest = digestOf(Buffer.concat(pieces));
      expect((await on.api.finishUpload(locationOf(reply), digest)).status).toBe(201);
      expect((await pull(digest)).body.equals(Buffer.concat(pieces))).toBe(true);
    });

    test.each(['0-4', 'bytes 0-4/*', 'bytes=0-4', 'bytes 0-4', '0-4/5', 'bytes 0-4/5'])(
      'takes Content-Range %s',
      async (range) => {
        const location = await on.api.startUpload('up');
        const reply = await on.api.patch(location, 'hello', { 'content-range': range });
        expect(reply.status).toBe(202);
        expect(reply.headers.range).toBe('0-4');
      },
    );

    test('goes on chunk by chunk to the whole', async () => {
      const chunks = ['first ', 'second ', 'third'];
      let location = await on.api.startUpload('up');
      let offset = 0;
      for (const chunk of chunks) {
        const end = offset + chunk.length - 1;
        const reply = await on.api.patch(location, chunk, { 'content-range': `${offset}-${end}` });
        expect(reply.status).toBe(202);
        expect(reply.headers.range).toBe(`0-${end}`);
        location = locationOf(reply);
        offset = end + 1;
      }
      const digest = digestOf(chunks.join(''));
      expect((await on.api.finishUpload(location, digest)).status).toBe(201);
      expect((await pull(digest)).text).toBe(chunks.join(''));
    });

    test.each([
      ['ahead of the end', '7-11'],
      ['behind the end', '0-4'],
    ])('%s is a 416 that tells where the upload stands', async (_, range) => {
      const first = await on.api.patch(await on.api.startUpload('up'), 'abc');
      const reply = await on.api.patch(locationOf(first), 'hello', { 'content-range': range });
      expect(reply.status).toBe(416);
      expect(reply.codes()).toEqual(['RANGE_INVALID']);
      expect(reply.headers.range).toBe('0-2');
      const done = await on.api.finishUpload(locationOf(reply), digestOf('abcdef'), 'def');
      expect(done.status).toBe(201);
    });

    test('with a Location already used is a 416', async () => {
      const stale = await on.api.startUpload('up');
      await on.api.patch(stale, 'abc');
      const reply = await on.api.patch(stale, 'abc');
      expect(reply.status).toBe(416);
      expect(reply.headers.range).toBe('0-2');
    });

    test('whose length is not that of its range is a 400', async () => {
      const location = await on.api.startUpload('up');
      const reply = await on.api.patch(location, 'hello', { 'content-range': '0-9' });
      expect(reply.status).toBe(400);
      expect(reply.codes()).toEqual(['SIZE_INVALID']);
      expect((await on.api.get(location)).headers.range).toBe('0-0');
    });

    test.each(unreadableRanges)(
      'with Content-Range %s is a 416 that tells where the upload stands',
      async (range) => {
        const first = await on.api.patch(await on.api.startUpload('up'), 'abc');
        const headers = { 'content-range': range };
        for (const reply of [
          await on.api.patch(locationOf(first), 'hello', headers),
          await on.api.finishUpload(locationOf(first), digestOf('abchello'), 'hello', headers),
        ]) {
          expect(reply.status).toBe(416);
          expect(reply.codes()).toEqual(['RANGE_INVALID']);
          expect(reply.headers.range).toBe('0-2');
          expect(reply.headers['docker-upload-uuid']).toBe(first.headers['docker-upload-uuid']);
          const next = await on.api.patch(locationOf(reply), '');
          expect(next.status).toBe(202);
          expect(next.headers.range).toBe('0-2');
        }
      },
    );

    test('that cannot be read and comes out of order is a 416 all the same', async () => {
      const stale = await on.api.startUpload('up');
      await on.api.patch(stale, 'abc');
      for (const range of ['foo', '0-9', '3-9']) {
        const reply = await on.api.patch(stale, 'hello', { 'content-range': range });
        expect(reply.codes()).toEqual(['RANGE_INVALID']);
        expect(reply.headers.range).toBe('0-2');
        expect((await on.api.patch(locationOf(reply), '')).status).toBe(202);
      }
      const location = locationOf(await on.api.get(stale));
      const elsewhere = await on.api.patch(location, 'hello', { 'content-range': '5-6' });
      expect(elsewhere.codes()).toEqual(['RANGE_INVALID']);
      expect(elsewhere.headers.range).toBe('0-2');
    });

    test.each([
      'application/octet-stream',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/json; charset=utf-8',
    ])('takes a body of type %s as bytes', async (type) => {
      const location = await on.api.startUpload('up');
      const reply = await on.api.patch(location, 'digest=x', { 'content-type': type });
      expect(reply.status).toBe(202);
      expect(reply.headers.range).toBe('0-7');
    });

    test('an empty body changes nothing', async () => {
      const first = await on.api.patch(await on.api.startUpload('up'), '');
      expect(first.status).toBe(202);
      expect(first.headers.range).toBe('0-0');
      const chunked = await on.api.send('PATCH', locationOf(first), { body: [] });
      expect(chunked.status).toBe(202);
      const done = await on.api.finishUpload(locationOf(chunked), digestOf('abc'), 'abc');
      expect(done.status).toBe(201);
    });

    test('of two at once on one session one wins, and no byte of the other is kept', async () => {
      for (let round = 0; round < 5; round++) {
        const location = await on.api.startUpload('up');
        const bodies = ['a', 'b', 'c', 'd'].map((letter) => Buffer.alloc(250_000, letter));
        const replies = await Promise.all(bodies.map((body) => on.api.patch(location, body)));
        const statuses = replies.map(({ status }) => status).sort();
        expect(statuses).toEqual([202, 416, 416, 416]);
        const winner = bodies[replies.findIndex(({ status }) => status === 202)] ?? Buffer.alloc(0);
        const digest = digestOf(winner);
        const status = await on.api.get(location);
        expect(status.headers.range).toBe('0-249999');
        expect((await on.api.finishUpload(locationOf(status), digest)).status).toBe(201);
      }
    });

    test('a client that leaves midway keeps what it sent', async () => {
      const location = new URL(await on.api.startUpload('up'));
      const connection = await RawConnection.open(on.api.port);
      connection.send(
        `PATCH ${location.pathname}${location.search} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(400)}`,
      );
      const standsAt = async (range: string): Promise<boolean> =>
        (await on.api.get(location.href)).headers.range === range;
      connection.end();
      await vi.waitUntil(() => standsAt('0-399'), { timeout: 10_000 });
      // The session is free again once the server noticed.
      await vi.waitUntil(
        async () => {
          const status = await on.api.get(location.href);
          return (await on.api.patch(locationOf(status), '')).status === 202;
        },
        { timeout: 10_000 },
      );
      expect(await standsAt('0-399')).toBe(true);
      let reply = await on.api.get(location.href);
      reply = await on.api.finishUpload(
        locationOf(reply),
        digestOf('x'.repeat(500)),
        'x'.repeat(100),
      );
      expect(reply.status).toBe(201);
    });
  });

  describe('PUT', () => {
    test('with the whole body makes the blob', async () => {
      const digest = digestOf('monolith');
      const reply = await on.api.finishUpload(await on.api.startUpload('up'), digest, 'monolith');
      expect(reply.status).toBe(201);
      expect(reply.headers).toMatchObject({
        location: `http://127.0.0.1:${on.api.port}/v2/up/blobs/${digest}`,
        'docker-content-digest': digest,
        'content-length': '0',
      });
      expect((await pull(digest)).text).toBe('monolith');
    });

    test('with a last chunk in chunked coding makes the blob', async () => {
      const first = await on.api.patch(await on.api.startUpload('up'), 'begin ');
      const digest = digestOf('begin and end');
      const reply = await on.api.send('PUT', withQuery(locationOf(first), `digest=${digest}`), {
        body: [Buffer.from('and '), Buffer.from('end')],
      });
      expect(reply.status).toBe(201);
      expect((await pull(digest)).text).toBe('begin and end');
    });

    test('without any byte makes the empty blob', async () => {
      const digest = digestOf('');
      expect((await on.api.finishUpload(await on.api.startUpload('up'), digest)).status).toBe(201);
      const other = digestOf('', 'sha512');
      expect((await on.api.finishUpload(await on.api.startUpload('up'), other)).status).toBe(201);
      expect((await pull(other)).headers['content-length']).toBe('0');
    });

    test('of another digest is a 400, and the session goes on', async () => {
      for (const bytes of [Buffer.from('small'), randomBytes(300_000)]) {
        const location = await on.api.startUpload('up');
        const reply = await on.api.finishUpload(location, digestOf('wrong'), bytes);
        expect(reply.status).toBe(400);
        expect(reply.codes()).toEqual(['DIGEST_INVALID']);
        const status = await on.api.get(location);
        expect(status.status).toBe(204);
        expect(status.headers.range).toBe(`0-${bytes.length - 1}`);
        const done = await on.api.finishUpload(locationOf(status), digestOf(bytes));
        expect(done.status).toBe(201);
      }
    });

    test.each([
      '',
      'digest=',
      'digest=sha256:abc',
      'digest=md5:d41d8cd98f00b204e9800998ecf8427e',
      'digest=nonsense',
    ])('with query "%s" is a 400, and the session goes on', async (query) => {
      const location = await on.api.startUpload('up');
      const reply = await on.api.send('PUT', withQuery(location, query), { body: 'abc' });
      expect(reply.status).toBe(400);
      expect(reply.codes()).toEqual(['DIGEST_INVALID']);
      expect((await on.api.finishUpload(location, digestOf('abc'), 'abc')).status).toBe(201);
    });

    test('of a last chunk out of order is a 416, with nothing appended', async () => {
      const first = await on.api.patch(await on.api.startUpload('up'), 'abc');
      const reply = await on.api.finishUpload(locationOf(first), digestOf('abcdef'), 'def', {
        'content-range': '5-7',
      });
      expect(reply.status).toBe(416);
      expect(reply.headers.range).toBe('0-2');
      const done = await on.api.finishUpload(locationOf(reply), digestOf('abcdef'), 'def', {
        'content-range': '3-5',
      });
      expect(done.status).toBe(201);
    });

    test('without a body may repeat the range of the last chunk', async () => {
      const first = await on.api.patch(await on.api.startUpload('up'), 'abc', {
        'content-range': '0-2',
      });
      const reply = await on.api.finishUpload(locationOf(first), digestOf('abc'), '', {
        'content-range': '0-2',
      });
      expect(reply.status).toBe(201);
    });

    test('of one digest by many clients at once is a 201 for each', async () => {
      const bytes = randomBytes(150_000);
      const digest = digestOf(bytes);
      const locations = await Promise.all(
        Array.from({ length: 6 }, () => on.api.startUpload('up')),
      );
      const patched = await Promise.all(locations.map((location) => on.api.patch(location, bytes)));
      const replies = await Promise.all(
        patched.map((reply) => on.api.finishUpload(locationOf(reply), digest)),
      );
      expect(replies.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201, 201]);
      expect((await pull(digest)).body.equals(bytes)).toBe(true);
    });

    test('ends the session', async () => {
      const location = await on.api.startUpload('up');
      await on.api.finishUpload(location, digestOf('ended'), 'ended');
      expect((await on.api.get(location)).codes()).toEqual(['BLOB_UPLOAD_UNKNOWN']);
      expect((await on.api.patch(location, 'more')).codes()).toEqual(['BLOB_UPLOAD_UNKNOWN']);
      expect((await on.api.delete(location)).codes()).toEqual(['BLOB_UPLOAD_UNKNOWN']);
      expect((await on.api.finishUpload(location, digestOf('ended'), 'ended')).codes()).toEqual([
        'BLOB_UPLOAD_UNKNOWN',
      ]);
    });
  });

  describe('a session that has ended is unknown, whatever else is wrong', () => {
    const put = (query: string, range?: string): Sent => [
      'PUT',
      query,
      { body: 'hello', headers: range === undefined ? {} : { 'content-range': range } },
    ];
    const requests: Sent[] = [
      ...[...unreadableRanges, '0-9', '7-9'].map(
        (range): Sent => ['PATCH', '', { body: 'hello', headers: { 'content-range': range } }],
      ),
      put(''),
      put('digest='),
      put('digest=sha256:abc'),
      put('digest=md5:d41d8cd98f00b204e9800998ecf8427e'),
      put(`digest=${digestOf('hello')}`),
      put(`digest=${digestOf('hello')}`, 'foo'),
      put(`digest=${digestOf('hello')}`, '0-9'),
      ['DELETE', '', { headers: { 'content-range': 'foo' } }],
      ['GET', '', {}],
    ];

    test.each<[string, () => Promise<string[]>]>([
      [
        'by a PUT',
        async () => {
          const start = await on.api.startUpload('up');
          const last = locationOf(await on.api.patch(start, 'ended by PUT'));
          expect((await on.api.finishUpload(last, digestOf('ended by PUT'))).status).toBe(201);
          return [start, last];
        },
      ],
      [
        'by a DELETE',
        async () => {
          const start = await on.api.startUpload('up');
          const last = locationOf(await on.api.patch(start, 'ended by DELETE'));
          expect((await on.api.delete(last)).status).toBe(204);
          return [start, last];
        },
      ],
      [
        'before any byte',
        async () => {
          const start = await on.api.startUpload('up');
          expect((await on.api.delete(start)).status).toBe(204);
          return [start];
        },
      ],
    ])('%s', async (_, end) => {
      for (const location of await end()) {
        for (const [method, query, request] of requests) {
          const reply = await on.api.send(method, withQuery(location, query), request);
          expect([method, query, request, reply.status]).toEqual([method, query, request, 404]);
          expect(reply.codes()).toEqual(['BLOB_UPLOAD_UNKNOWN']);
        }
      }
    });
  });

  describe('GET and DELETE', () => {
    test.each(['GET', 'HEAD'])(
      '%s tells where the upload stands, without `_state`',
      async (method) => {
        const reply = await on.api.patch(await on.api.startUpload('up'), 'abcd');
        const bare = locationOf(reply).replace(/\?.*/, '');
        const status = await on.api.send(method, bare);
        expect(status.status).toBe(204);
        expect(status.headers.range).toBe('0-3');
        expect(status.headers['docker-upload-uuid']).toBe(reply.headers['docker-upload-uuid']);
        expect(status.body).toHaveLength(0);
        const done = await on.api.finishUpload(locationOf(status), digestOf('abcd'));
        expect(done.status).toBe(201);
      },
    );

    test('DELETE ends the session', async () => {
      const first = await on.api.patch(await on.api.startUpload('up'), 'abcd');
      const reply = await on.api.delete(locationOf(first));
      expect(reply.status).toBe(204);
      expect(reply.headers['docker-upload-uuid']).toBe(first.headers['docker-upload-uuid']);
      expect((await on.api.get(locationOf(first))).codes()).toEqual(['BLOB_UPLOAD_UNKNOWN']);
      expect((await on.api.delete(locationOf(first))).status).toBe(404);
    });
  });

  describe('the state token', () => {
    test.each(['', '_state=', '_state=AAAA', '_state=%00', `_state=${'A'.repeat(5000)}`])(
      'is needed to write: "%s"',
      async (query) => {
        const bare = (await on.api.startUpload('up')).replace(/\?.*/, '');
        for (const method of ['PATCH', 'PUT', 'DELETE']) {
          const reply = await on.api.send(method, withQuery(bare, query), { body: 'x' });
          expect(reply.status).toBe(404);
          expect(reply.codes()).toEqual(['BLOB_UPLOAD_INVALID']);
        }
      },
    );

    test('of one upload does not open another, nor another repository', async () => {
      const [one, two] = [await on.api.startUpload('up'), await on.api.startUpload('up')];
      const state = new URL(one).search;
      const swapped = two.replace(/\?.*/, state);
      expect((await on.api.patch(swapped, 'x')).codes()).toEqual(['BLOB_UPLOAD_INVALID']);
      const elsewhere = one.replace('/v2/up/', '/v2/else/');
      expect((await on.api.patch(elsewhere, 'x')).codes()).toEqual(['BLOB_UPLOAD_INVALID']);
      expect((await on.api.get(elsewhere)).codes()).toEqual(['BLOB_UPLOAD_UNKNOWN']);
    });

    test.each(['nothing', '..', '.', 'a.b', '_state', '-'])(
      'an unknown id is a 404: %s',
      async (id) => {
        const reply = await on.api.get(`/v2/up/blobs/uploads/${id}`);
        expect([404, 301]).toContain(reply.status);
      },
    );

    test.each(['a=b', '=', '...', 'a'.repeat(129), 'a'.repeat(300), 'a'.repeat(3000)])(
      'an id that storage cannot hold is as unknown: %s',
      async (id) => {
        const reply = await on.api.get(`/v2/up/blobs/uploads/${id}`);
        expect(reply.status).toBe(404);
        expect(reply.codes()).toEqual(['BLOB_UPLOAD_UNKNOWN']);
        expect(reply.text).not.toContain('_uploads');
        expect((await on.api.head(`/v2/up/blobs/uploads/${id}`)).status).toBe(404);
        for (const method of ['PATCH', 'PUT', 'DELETE']) {
          const written = await on.api.send(method, `/v2/up/blobs/uploads/${id}`, { body: 'x' });
          expect(written.codes()).toEqual(['BLOB_UPLOAD_INVALID']);
        }
      },
    );
  });
});
