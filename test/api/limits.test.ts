/** Limits: names, tags, manifests, headers and URLs. Whatever is larger answers 4xx. */

import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { anImage, digestOf, emptyConfig, ociManifest } from '../support/api-client.ts';
import { onBothFrontEnds } from '../support/api-suite.ts';
import { RawConnection } from '../support/raw-connection.ts';

const maxManifest = 4 * 1024 * 1024;

onBothFrontEnds('limits', {}, (on) => {
  const longName = `${'a'.repeat(127)}/${'b'.repeat(127)}`;

  test('a name of 255 bytes is served', async () => {
    await on.api.pushImage(longName, 'v1');
    expect((await on.api.get(`/v2/${longName}/manifests/v1`)).status).toBe(200);
    expect((await on.api.get(`/v2/${longName}/tags/list`)).status).toBe(200);
  });

  test.each(['manifests/v1', 'tags/list', `blobs/${digestOf('x')}`, `referrers/${digestOf('x')}`])(
    'a name of 256 bytes is a 400: %s',
    async (tail) => {
      const reply = await on.api.get(`/v2/x${longName}/${tail}`);
      expect(reply.status).toBe(400);
      expect(reply.codes()).toEqual(['NAME_INVALID']);
    },
  );

  test.each([
    'Foo',
    '-a',
    'a-',
    'a..b',
    'a___b',
    '_a',
    'a/_b',
    'a/B',
    'host:5000/a',
    'ä',
    'a b',
    'a/-',
  ])('a name outside of the grammar is a 400: %s', async (name) => {
    const reply = await on.api.send('POST', `/v2/${encodeURI(name)}/blobs/uploads/`, { body: '' });
    expect(reply.status).toBe(400);
    expect(reply.codes()).toEqual(['NAME_INVALID']);
  });

  test.each(['a', 'a.b', 'a_b', 'a__b', 'a--b', 'a-b/c.d/e__f', '0', 'Foo/bar', '1.2.3.4/x'])(
    'a name inside of it is taken: %s',
    async (name) => {
      const reply = await on.api.send('POST', `/v2/${name}/blobs/uploads/`, { body: '' });
      expect(reply.status).toBe(202);
    },
  );

  test('a tag of 128 characters is served, one of 129 is not', async () => {
    await on.api.pushBlob('tag/limit', emptyConfig);
    const tag = 't'.repeat(128);
    expect((await on.api.putManifest('tag/limit', tag, anImage())).status).toBe(201);
    expect((await on.api.get(`/v2/tag/limit/manifests/${tag}`)).status).toBe(200);
    expect((await on.api.putManifest('tag/limit', `${tag}t`, anImage())).status).toBe(400);
    expect((await on.api.get(`/v2/tag/limit/manifests/${tag}t`)).status).toBe(404);
  });

  /** An image manifest of exactly so many bytes. */
  function manifestOf(sizeBytes: number): Buffer {
    const bare = JSON.stringify(anImage({ annotations: { filler: '' } }));
    const filler = 'x'.repeat(sizeBytes - bare.length);
    return Buffer.from(JSON.stringify(anImage({ annotations: { filler } })));
  }

  test('a manifest of 4 MiB goes in and out', async () => {
    await on.api.pushBlob('big', emptyConfig);
    const bytes = manifestOf(maxManifest);
    expect((await on.api.putManifest('big', 'v1', bytes)).status).toBe(201);
    expect((await on.api.get('/v2/big/manifests/v1')).body.equals(bytes)).toBe(true);
  });

  test('a larger manifest is a 413, announced or not', async () => {
    const bytes = manifestOf(maxManifest + 1);
    const headers = { 'content-type': ociManifest };
    for (const body of [bytes, [bytes.subarray(0, 1_000_000), bytes.subarray(1_000_000)]]) {
      const reply = await on.api.send('PUT', '/v2/big/manifests/v2', { headers, body });
      expect(reply.status).toBe(413);
      expect(reply.codes()).toEqual(['MANIFEST_INVALID']);
    }
    expect((await on.api.head('/v2/big/manifests/v2')).status).toBe(404);
  });

  test('headers of ordinary tokens are taken, larger ones than any answer 4xx', async () => {
    expect(
      (await on.api.get('/v2/', { authorization: `Bearer ${'x'.repeat(16_000)}` })).status,
    ).toBe(200);
    const reply = await on.api
      .get('/v2/', { 'x-large': 'x'.repeat(200_000) })
      .catch(() => undefined);
    // The connection may end before the client has sent it all.
    expect([400, 413, 414, 431, undefined]).toContain(reply?.status);
  });

  test('a URL larger than any answers 4xx', async () => {
    const reply = await on.api.get(`/v2/${'a/'.repeat(3000)}tags/list`);
    expect(reply.status).toBeGreaterThanOrEqual(400);
    expect(reply.status).toBeLessThan(500);
    const larger = await on.api
      .get(`/v2/_catalog?last=${'x'.repeat(200_000)}`)
      .catch(() => undefined);
    // uWebSockets.js answers 505 to a request line that outgrows its header buffer, before any code of ours.
    expect([400, 413, 414, 431, 505, undefined]).toContain(larger?.status);
  });
});

for (const headerBytes of [8_192, 131_072, 524_288]) {
  const config = { http: { limits: { headerbytes: headerBytes } } };
  onBothFrontEnds(`a bound of ${headerBytes} bytes on headers`, { config }, (on) => {
    /** Sends a header of about so many bytes and gives the status of the answer. */
    async function statusOf(sizeBytes: number, inPieces: boolean): Promise<number> {
      const connection = await RawConnection.open(on.registry.port);
      const token = 'a'.repeat(sizeBytes - 100);
      const request = `GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`;
      const pieceBytes = inPieces ? Math.ceil(request.length / 9) : request.length;
      for (let at = 0; at < request.length && !connection.isClosed; at += pieceBytes) {
        connection.send(request.slice(at, at + pieceBytes));
        await delay(20);
      }
      const said = await connection.until(/^HTTP\/1\.1 \d+ /);
      connection.end();
      return Number(said.slice(9, 12));
    }

    test.each([false, true])('holds, and no other, in pieces: %s', async (inPieces) => {
      expect(await statusOf(headerBytes - 1_000, inPieces)).toBe(200);
      expect(await statusOf(headerBytes + 1_000, inPieces)).toBe(431);
    });
  });
}
