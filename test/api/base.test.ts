/** `/`, `/v2/`, and how paths reach routes. */

import { expect, test } from 'vitest';
import { onBothFrontEnds } from '../support/api-suite.ts';

onBothFrontEnds(
  'base',
  { config: { http: { headers: { 'X-Operator': ['one', 'two'] } } } },
  (on) => {
    test('the base answers an empty object and the API version', async () => {
      const reply = await on.api.get('/v2/');
      expect(reply.status).toBe(200);
      expect(reply.text).toBe('{}');
      expect(reply.headers).toMatchObject({
        'content-type': 'application/json',
        'content-length': '2',
        'docker-distribution-api-version': 'registry/2.0',
      });
    });

    test('HEAD of the base has the length and no body', async () => {
      const reply = await on.api.head('/v2/');
      expect(reply.status).toBe(200);
      expect(reply.headers['content-length']).toBe('2');
      expect(reply.body).toHaveLength(0);
    });

    test('the root is a liveness check without an API version', async () => {
      const reply = await on.api.get('/');
      expect(reply.status).toBe(200);
      expect(reply.body).toHaveLength(0);
      expect(reply.headers['cache-control']).toBe('no-cache');
      expect(reply.headers).not.toHaveProperty('docker-distribution-api-version');
    });

    test('configured headers go out with routes only', async () => {
      expect((await on.api.get('/v2/')).headers['x-operator']).toBe('one, two');
      expect((await on.api.get('/v2/nowhere')).headers).not.toHaveProperty('x-operator');
    });

    test.each(['/nowhere', '/v2/x', '/v2/a/blobs/nodigest', '/v2/a/b/c', '/v1/_ping'])(
      'an unknown path is a 404 in the envelope: %s',
      async (path) => {
        const reply = await on.api.get(path);
        expect(reply.status).toBe(404);
        expect(reply.headers['content-type']).toBe('application/json');
        expect(reply.codes()).toHaveLength(1);
        expect(reply.headers['docker-distribution-api-version']).toBe('registry/2.0');
      },
    );

    test.each([
      ['/v2', '/v2/'],
      ['/v2/_catalog/', '/v2/_catalog'],
      ['/v2/a/tags/list/', '/v2/a/tags/list'],
      ['/v2//a/tags/list?n=1', '/v2/a/tags/list?n=1'],
      ['/v2/a/../b/tags/list', '/v2/b/tags/list'],
      ['/v2/./a/tags/list', '/v2/a/tags/list'],
      ['/v2//a%3Fb/tags/list', '/v2/a%3Fb/tags/list'],
      ['/v2//a%3Fb%23c/tags/list?n=1', '/v2/a%3Fb%23c/tags/list?n=1'],
      ['/v2//a%25b%0D%0Ac/tags/list', '/v2/a%25b%0D%0Ac/tags/list'],
    ])('%s redirects to %s', async (path, location) => {
      const reply = await on.api.get(path);
      expect(reply.status).toBe(301);
      expect(reply.headers.location).toBe(location);
    });

    test('an encoded slash counts as a slash', async () => {
      await on.api.pushImage('enc/oded', 'v1');
      expect((await on.api.get('/v2/enc%2Foded/manifests/v1')).status).toBe(200);
    });

    test('broken percent-encoding is a 400', async () => {
      const reply = await on.api.get('/v2/a%zz/tags/list');
      expect(reply.status).toBe(400);
      expect(reply.codes()).toHaveLength(1);
    });

    test('names may hold the words of routes', async () => {
      for (const name of ['a/blobs/b', 'manifests', 'tags', 'blobs/uploads', 'x/tags/list']) {
        await on.api.pushImage(name, 'v1');
        expect((await on.api.get(`/v2/${name}/manifests/v1`)).status).toBe(200);
        expect((await on.api.get(`/v2/${name}/tags/list`)).json()).toEqual({ name, tags: ['v1'] });
      }
    });

    test('OPTIONS tells the methods of a route', async () => {
      const reply = await on.api.send('OPTIONS', '/v2/a/manifests/x');
      expect(reply.status).toBe(200);
      expect(reply.headers.allow).toBe('DELETE, GET, HEAD, PUT');
      expect(reply.body).toHaveLength(0);
    });

    test.each([
      ['POST', '/v2/a/manifests/x', 'DELETE, GET, HEAD, PUT'],
      ['PUT', '/v2/a/tags/list', 'GET, HEAD'],
      ['DELETE', '/v2/_catalog', 'GET, HEAD'],
      ['PUT', `/v2/a/blobs/sha256:${'0'.repeat(64)}`, 'DELETE, GET, HEAD'],
      ['POST', `/v2/a/referrers/sha256:${'0'.repeat(64)}`, 'GET, HEAD'],
    ])('%s %s is a 405 that names the methods', async (method, path, allow) => {
      const reply = await on.api.send(method, path, { body: '' });
      expect(reply.status).toBe(405);
      expect(reply.headers.allow).toBe(allow);
      expect(reply.codes()).toEqual(['UNSUPPORTED']);
    });
  },
);
