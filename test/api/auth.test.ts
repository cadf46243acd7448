/** Who may do what over HTTP: challenges to the letter, each route's accesses, mounts, catalog, reload, logs. */

import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ApiClient, type ApiReply, digestOf, locationOf } from '../support/api-client.ts';
import { onBothFrontEnds } from '../support/api-suite.ts';
import {
  type GuardedRegistry,
  htpasswdLine,
  password,
  reader,
  readerPassword,
  startGuarded,
  user,
} from '../support/guarded-registry.ts';
import { configFile, launch } from '../support/launch.ts';
import { frontEnds, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';
import { startTokenServer, type TokenServer } from '../support/token-server.ts';

const digest = digestOf('any');
const basic = (name: string, word: string): string =>
  `Basic ${Buffer.from(`${name}:${word}`).toString('base64')}`;

/** Every route and method with the accesses it needs: `repository` or `registry`, name, actions in order. */
const routes: readonly (readonly [string, string, string])[] = [
  ['GET', '/v2/_catalog', 'registry:catalog:*'],
  ['GET', '/v2/a/b/tags/list', 'repository:a/b:pull'],
  ['GET', '/v2/a/b/manifests/v1', 'repository:a/b:pull'],
  ['HEAD', '/v2/a/b/manifests/v1', 'repository:a/b:pull'],
  ['PUT', '/v2/a/b/manifests/v1', 'repository:a/b:pull,push'],
  ['DELETE', '/v2/a/b/manifests/v1', 'repository:a/b:delete'],
  ['GET', `/v2/a/b/blobs/${digest}`, 'repository:a/b:pull'],
  ['HEAD', `/v2/a/b/blobs/${digest}`, 'repository:a/b:pull'],
  ['DELETE', `/v2/a/b/blobs/${digest}`, 'repository:a/b:delete'],
  ['POST', '/v2/a/b/blobs/uploads/', 'repository:a/b:pull,push'],
  ['POST', `/v2/a/b/blobs/uploads/?mount=${digest}`, 'repository:a/b:pull,push'],
  [
    'POST',
    `/v2/a/b/blobs/uploads/?mount=${digest}&from=c/d`,
    'repository:a/b:pull,push repository:c/d:pull',
  ],
  ['GET', '/v2/a/b/blobs/uploads/some-id', 'repository:a/b:pull'],
  ['PATCH', '/v2/a/b/blobs/uploads/some-id', 'repository:a/b:pull,push'],
  ['PUT', '/v2/a/b/blobs/uploads/some-id', 'repository:a/b:pull,push'],
  ['DELETE', '/v2/a/b/blobs/uploads/some-id', 'repository:a/b:delete'],
  ['GET', `/v2/a/b/referrers/${digest}`, 'repository:a/b:pull'],
  // Names and methods are looked at after the credentials.
  ['GET', '/v2/Bad_NAME/tags/list', 'repository:Bad_NAME:pull'],
];

/** `repository:a:pull,push` as one entry for each action. */
function unmerged(scope: string): string[] {
  return scope.split(' ').flatMap((entry) => {
    const [type, name, actions = ''] = entry.split(':');
    return actions.split(',').map((action) => `${type}:${name}:${action}`);
  });
}

/** A refusal, to the letter: status, challenge, envelope with what was wanted. */
function expectRefusal(
  reply: ApiReply,
  expected: { challenge: string; scope?: string; isHead?: boolean },
): void {
  expect(reply.status).toBe(401);
  expect(reply.headers['www-authenticate']).toBe(expected.challenge);
  expect(reply.headers['content-type']).toBe('application/json');
  expect(reply.headers['docker-distribution-api-version']).toBe('registry/2.0');
  if (expected.isHead) {
    expect(reply.body).toHaveLength(0);
    return;
  }
  const detail =
    expected.scope === undefined
      ? null
      : unmerged(expected.scope).map((entry) => {
          const [Type, Name, Action] = entry.split(':');
          return { Type, Class: '', Name, Action };
        });
  const error = { code: 'UNAUTHORIZED', message: 'authentication required', detail };
  expect(reply.text).toBe(`${JSON.stringify({ errors: [error] })}\n`);
}

function send(api: ApiClient, method: string, path: string, authorization?: string) {
  return api.send(method, path, {
    headers: authorization === undefined ? {} : { authorization },
    ...(['POST', 'PUT', 'PATCH'].includes(method) ? { body: '' } : {}),
  });
}

onBothFrontEnds(
  'silly',
  { config: { auth: { silly: { realm: 'silly "realm"', service: 'silly service' } } } },
  (on) => {
    const base = String.raw`Bearer realm="silly \"realm\"",service="silly service"`;

    test('the base asks for credentials without a scope', async () => {
      expectRefusal(await on.api.get('/v2/'), { challenge: base });
    });

    test.each(routes)('%s %s wants %s, each action by itself', async (method, path, scope) => {
      expectRefusal(await send(on.api, method, path), {
        challenge: `${base},scope="${unmerged(scope).join(' ')}"`,
        scope,
        isHead: method === 'HEAD',
      });
    });

    test('any Authorization header is good enough', async () => {
      for (const authorization of ['x', 'Bearer y', basic('a', 'b')]) {
        expect((await on.api.get('/v2/', { authorization })).status).toBe(200);
      }
    });

    test('liveness and unknown paths need none', async () => {
      expect((await on.api.get('/')).status).toBe(200);
      expect((await on.api.get('/v2/nowhere')).status).toBe(404);
    });
  },
);

describe.each(frontEnds)('htpasswd (%s)', (frontEnd) => {
  let registry: GuardedRegistry;
  let api: ApiClient;
  const challenge = 'Basic realm="test realm"';
  beforeAll(async () => {
    registry = await startGuarded('htpasswd', frontEnd, { level: 'debug' });
    api = new ApiClient(registry.port);
  });
  afterAll(async () => {
    api.close();
    await registry.close();
  });

  test('the base asks for a password', async () => {
    expectRefusal(await api.get('/v2/'), { challenge });
  });

  test.each(routes)('%s %s is refused without one', async (method, path, scope) => {
    const isHead = method === 'HEAD';
    expectRefusal(await send(api, method, path), { challenge, scope, isHead });
  });

  test.each([
    ['a wrong password', basic(user, 'wrong-guess')],
    ['another user’s password', basic(user, readerPassword)],
    ['an unknown user', basic('nobody', password)],
    ['no password', basic(user, '')],
    ['a token', 'Bearer abc.def.ghi'],
    ['broken base64', 'Basic !!!'],
  ])('%s is refused', async (_, authorization) => {
    expectRefusal(await api.get('/v2/', { authorization }), { challenge });
  });

  test('a right password may do everything', async () => {
    for (const authorization of [basic(user, password), basic(reader, readerPassword)]) {
      expect((await api.get('/v2/', { authorization })).status).toBe(200);
      expect((await api.get('/v2/_catalog', { authorization })).status).toBe(200);
      const start = await send(api, 'POST', '/v2/any/blobs/uploads/', authorization);
      expect(start.status).toBe(202);
      const end = await send(api, 'DELETE', locationOf(start), authorization);
      expect(end.status).toBe(204);
    }
  });

  test('a changed file counts while running; a broken one does not', async () => {
    const status = async (name: string, word: string): Promise<number> =>
      (await api.get('/v2/', { authorization: basic(name, word) })).status;
    const replace = async (content: string): Promise<void> => {
      await writeFile(`${registry.htpasswd}.new`, content);
      await rename(`${registry.htpasswd}.new`, registry.htpasswd);
    };
    const before = await readFile(registry.htpasswd, 'utf8');
    expect(await status(user, password)).toBe(200);

    await replace(htpasswdLine(user, 'changed-word'));
    await vi.waitFor(async () => expect(await status(user, 'changed-word')).toBe(200), 10_000);
    expect(await status(user, password)).toBe(401);
    expect(await status(reader, readerPassword)).toBe(401);

    await replace('no colon in this line\n');
    process.kill(registry.pid, 'SIGHUP');
    await vi.waitFor(() => expect(registry.log()).toContain('could not be reloaded'), 10_000);
    expect(registry.log()).toContain('invalid entry at line 1');
    expect(await status(user, 'changed-word')).toBe(200);

    await replace(before);
    process.kill(registry.pid, 'SIGHUP');
    await vi.waitFor(async () => expect(await status(user, password)).toBe(200), 10_000);
  });

  test('debug logs hold no password, no header and no hash', async () => {
    await api.get('/v2/', { authorization: basic(user, password) });
    await api.get('/v2/', { authorization: basic(user, 'wrong-guess') });
    const log = registry.log();
    expect(log).toContain('user failed to authenticate');
    // Told at debug level only.
    expect(log).toContain('timing.auth=');
    const hashes = (await readFile(registry.htpasswd, 'utf8')).match(/\$2\S+/g) ?? [];
    expect(hashes).toHaveLength(2);
    const words = [password, readerPassword, 'wrong-guess'];
    const headers = [basic(user, password), basic(user, 'wrong-guess')].map((text) =>
      text.slice('Basic '.length),
    );
    for (const secret of [...words, ...headers, ...hashes]) expect(log).not.toContain(secret);
  });
});

describe('htpasswd file at start', () => {
  let folder: TempFolder;
  beforeAll(async () => {
    folder = await tempFolder();
  });
  afterAll(() => folder.remove());

  const serve = async (path: string) =>
    launch([
      'serve',
      await configFile(
        folder.path,
        `version: 0.1
log: { level: debug, accesslog: { disabled: true } }
storage: inmemory
http: { addr: '127.0.0.1:0' }
auth: { htpasswd: { realm: r, path: ${path} } }
`,
      ),
    ]);

  test('a missing one is made, and its password printed once, on stdout alone', async () => {
    const path = join(folder.path, 'made', 'htpasswd');
    const process = await serve(path);
    const api = new ApiClient(await process.port());
    const [, name = '', word = ''] =
      /user "([^"]+)" and password "([^"]+)"/.exec(process.stdout()) ?? [];
    expect(name).toBe('docker');
    expect(word).toMatch(/^[\w-]{43}$/);
    expect((await api.get('/v2/', { authorization: basic(name, word) })).status).toBe(200);
    expect((await api.get('/v2/', { authorization: basic(name, `${word}x`) })).status).toBe(401);
    api.close();
    process.kill('SIGTERM');
    const { code, stdout, stderr } = await process.ended;
    expect(code).toBe(0);
    expect(stdout.split(word)).toHaveLength(2);
    expect(stderr).not.toContain(word);
    expect(stderr).toContain('provisioning with default user');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(path, '..'))).mode & 0o777).toBe(0o700);

    const again = await serve(path);
    await again.port();
    again.kill('SIGTERM');
    expect((await again.ended).stdout).toBe('');
  });

  test('an invalid one stops the start with one line', async () => {
    const path = join(folder.path, 'invalid');
    await writeFile(path, `${htpasswdLine('a', 'b')}\nhush-hush\n`);
    const { code, stdout, stderr } = await (await serve(path)).ended;
    expect(code).toBe(1);
    expect(stdout).toBe('');
    const lines = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('time='));
    expect(lines).toEqual([
      `longshore: unable to configure authorization (htpasswd): htpasswd file ${path}: invalid entry at line 3`,
    ]);
    expect(stderr).not.toContain('hush-hush');
  });
});

/** A reply without what differs from one upload session to the next. */
function comparable(reply: ApiReply): object {
  const { date: _, ...headers } = reply.headers;
  const text = JSON.stringify({ status: reply.status, headers, body: reply.text });
  const session = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
  return JSON.parse(text.replace(session, 'ID').replace(/_state=[\w%=.-]+/, '_state=S')) as object;
}

describe.each(frontEnds)('token (%s)', (frontEnd) => {
  let registry: GuardedRegistry;
  let api: ApiClient;
  let base = '';
  const minted: string[] = [];

  /** The header of a token for the scopes, as the server would give it to `user`. */
  async function bearer(scope: string, changes: object = {}): Promise<string> {
    const access = scope
      .split(' ')
      .filter((entry) => entry !== '')
      .map((entry) => {
        const [type = '', name = '', actions = ''] = entry.split(':');
        return { type, name, actions: actions.split(',') };
      });
    const token = String(await registry.tokens?.mint(user, access, changes));
    minted.push(token);
    return `Bearer ${token}`;
  }

  beforeAll(async () => {
    registry = await startGuarded('token', frontEnd, { level: 'debug' });
    api = new ApiClient(registry.port);
    base = `Bearer realm="${registry.tokens?.url}",service="test registry"`;
    const all = await bearer('repository:source:pull,push repository:other:pull,push');
    for (const name of ['source', 'other']) {
      const path = `/v2/${name}/blobs/uploads/?digest=${digestOf(name)}`;
      const headers = { authorization: all };
      expect((await api.send('POST', path, { headers, body: name })).status).toBe(201);
    }
  });
  afterAll(async () => {
    api.close();
    await registry.close();
  });

  test('the base asks for a token without a scope', async () => {
    expectRefusal(await api.get('/v2/'), { challenge: base });
    expectRefusal(await api.get('/v2/', { authorization: basic(user, password) }), {
      challenge: base,
    });
  });

  test.each(routes)('%s %s wants %s', async (method, path, scope) => {
    const challenge = `${base},scope="${scope}"`;
    const isHead = method === 'HEAD';
    expectRefusal(await send(api, method, path), { challenge, scope, isHead });
    expectRefusal(await send(api, method, path, await bearer('')), {
      challenge: `${challenge},error="insufficient_scope"`,
      scope,
      isHead,
    });
    const required = scope.replace(' repository:c/d:pull', '');
    const status = (await send(api, method, path, await bearer(required))).status;
    expect(status).not.toBe(401);
    expect(status).not.toBe(403);
    expect(status).toBeLessThan(500);
  });

  test.each([
    ['pull alone does not push', 'POST', '/v2/a/b/blobs/uploads/', 'repository:a/b:pull'],
    ['push alone does not push', 'POST', '/v2/a/b/blobs/uploads/', 'repository:a/b:push'],
    ['push does not delete', 'DELETE', `/v2/a/b/blobs/${digest}`, 'repository:a/b:pull,push'],
    ['names are not prefixes', 'GET', '/v2/a/b/tags/list', 'repository:a:pull repository:a/b/c:*'],
    ['a repository `catalog` is no catalog', 'GET', '/v2/_catalog', 'repository:catalog:*'],
    ['the catalog is not all repositories', 'GET', '/v2/a/b/tags/list', 'registry:catalog:*'],
  ])('%s', async (_, method, path, scope) => {
    const reply = await send(api, method, path, await bearer(scope));
    expect(reply.status).toBe(401);
    expect(reply.headers['www-authenticate']).toMatch(/,error="insufficient_scope"$/);
  });

  test.each([
    ['an expired token', { exp: 1 }],
    ['one for another service', { aud: 'another' }],
    ['one of another issuer', { iss: 'another' }],
    ['one for later', { nbf: 4_000_000_000 }],
  ])('%s is refused, and only the log says why', async (_, changes) => {
    const authorization = await bearer('repository:source:pull', changes);
    const scope = 'repository:source:pull';
    expectRefusal(await api.get('/v2/source/tags/list', { authorization }), {
      challenge: `${base},scope="${scope}",error="invalid_token"`,
      scope,
    });
  });

  test('a token whose claims were changed is refused', async () => {
    const [head, , signature] = (await bearer('repository:source:pull')).split('.');
    const [, claims] = (await bearer('repository:source:pull,push,delete')).split('.');
    const authorization = `${head}.${claims}.${signature}`;
    expect((await api.get('/v2/source/tags/list', { authorization })).status).toBe(401);
  });

  test('the catalog lists everything for a token that names it', async () => {
    const catalog = await bearer('registry:catalog:*');
    const put = await bearer('repository:listed:pull,push');
    const config = { headers: { authorization: put }, body: '{}' };
    await api.send('POST', `/v2/listed/blobs/uploads/?digest=${digestOf('{}')}`, config);
    const descriptor = { mediaType: 'application/x', digest: digestOf('{}'), size: 2 };
    const manifest = { schemaVersion: 2, config: descriptor, layers: [] };
    const type = 'application/vnd.oci.image.manifest.v1+json';
    const pushed = await api.send('PUT', '/v2/listed/manifests/v1', {
      headers: { authorization: put, 'content-type': type },
      body: JSON.stringify({ ...manifest, mediaType: type }),
    });
    expect(pushed.status).toBe(201);
    const reply = await api.get('/v2/_catalog', { authorization: catalog });
    expect(reply.status).toBe(200);
    expect((reply.json() as { repositories: string[] }).repositories).toContain('listed');
  });

  describe('a mount', () => {
    const mount = async (query: string, scope: string): Promise<ApiReply> =>
      send(api, 'POST', `/v2/target/blobs/uploads/?${query}`, await bearer(scope));
    const target = 'repository:target:pull,push';

    test('from a repository that may be pulled is done', async () => {
      const reply = await mount(
        `mount=${digestOf('source')}&from=source`,
        `${target} repository:source:pull`,
      );
      expect(reply.status).toBe(201);
    });

    test('from one that may not is as of a blob that is nowhere', async () => {
      const hidden = await mount(`mount=${digestOf('other')}&from=other`, target);
      const missing = await mount(`mount=${digestOf('nowhere')}&from=other`, target);
      const noRepository = await mount(`mount=${digestOf('other')}&from=none`, target);
      expect(hidden.status).toBe(202);
      expect(comparable(hidden)).toEqual(comparable(missing));
      expect(comparable(hidden)).toEqual(comparable(noRepository));
      expect(JSON.stringify(hidden)).not.toContain(digestOf('other'));
      const blob = await api.head(`/v2/target/blobs/${digestOf('other')}`, {
        authorization: await bearer(target),
      });
      expect(blob.status).toBe(404);
    });

    test('without `from` finds only what may be pulled', async () => {
      const hidden = await mount(`mount=${digestOf('other')}`, target);
      expect(comparable(hidden)).toEqual(
        comparable(await mount(`mount=${digestOf('nowhere')}`, target)),
      );
      const seen = await mount(`mount=${digestOf('other')}`, `${target} repository:other:pull`);
      expect(seen.status).toBe(201);
    });
  });

  test('debug logs name the failed check and hold no token', async () => {
    // Lines are written in batches, a moment after the fact.
    await vi.waitUntil(() => (registry.log().match(/msg="token refused"/g)?.length ?? 0) >= 5, {
      timeout: 5_000,
    });
    const log = registry.log();
    expect(log).toMatch(/level=debug/);
    expect(log).toMatch(/reason=.*(expired|exp)/);
    expect(minted.length).toBeGreaterThan(20);
    for (const token of minted) {
      const [, claims = '', signature = ''] = token.split('.');
      expect(log).not.toContain(claims);
      expect(log).not.toContain(signature);
    }
  });
});

describe('token with autoredirect', () => {
  let tokens: TokenServer;
  let registry: RunningRegistry;
  beforeAll(async () => {
    tokens = await startTokenServer({ users: {} });
    const { issuer, jwksPath: jwks, service } = tokens;
    const token = { realm: 'http://unused', issuer, service, jwks, autoredirect: true };
    registry = await startRegistry({ config: { auth: { token } } });
  });
  afterAll(async () => {
    await registry.stop();
    await tokens.close();
  });

  test.each([
    ['the host of the request, and https', {}, 'https://registry.example:444/auth/token/'],
    [
      'the scheme a proxy names',
      { 'x-forwarded-proto': 'http' },
      'http://registry.example:444/auth/token/',
    ],
    [
      'no other scheme',
      { 'x-forwarded-proto': 'gopher' },
      'https://registry.example:444/auth/token/',
    ],
  ])('the realm has %s', async (_, headers, realm) => {
    const api = new ApiClient(registry.port);
    const reply = await api.get('/v2/', { host: 'registry.example:444', ...headers });
    expectRefusal(reply, { challenge: `Bearer realm="${realm}",service="test registry"` });
    api.close();
  });
});

describe.each(frontEnds)('access rules (%s)', (frontEnd) => {
  let registry: GuardedRegistry;
  let api: ApiClient;
  const asUser = basic(user, password);
  const asReader = basic(reader, readerPassword);
  const repositories = ['private/x', 'public/a', 'public/b/c', 'team/app'];

  /** A token of the registry's own issuer. */
  async function own(authorization?: string): Promise<string> {
    const reply = await send(api, 'GET', '/auth/token?service=test', authorization);
    expect(reply.status).toBe(200);
    return `Bearer ${(reply.json() as { token: string }).token}`;
  }

  async function push(name: string): Promise<void> {
    const headers = { authorization: asUser };
    const config = { headers, body: '{}' };
    await api.send('POST', `/v2/${name}/blobs/uploads/?digest=${digestOf('{}')}`, config);
    const type = 'application/vnd.oci.image.manifest.v1+json';
    const manifest = {
      schemaVersion: 2,
      mediaType: type,
      config: { mediaType: 'application/x', digest: digestOf('{}'), size: 2 },
      layers: [],
    };
    const reply = await api.send('PUT', `/v2/${name}/manifests/v1`, {
      headers: { ...headers, 'content-type': type },
      body: JSON.stringify(manifest),
    });
    expect(reply.status).toBe(201);
  }

  beforeAll(async () => {
    registry = await startGuarded('rules', frontEnd);
    api = new ApiClient(registry.port);
    for (const name of repositories) await push(name);
  });
  afterAll(async () => {
    api.close();
    await registry.close();
  });

  test('the challenge names this registry as the token server', async () => {
    const base = `Bearer realm="http://${registry.host}/auth/token",service="test realm"`;
    expectRefusal(await api.get('/v2/'), { challenge: base });
    const scope = 'repository:public/a:pull';
    expectRefusal(await api.get('/v2/public/a/tags/list'), {
      challenge: `${base},scope="${scope}"`,
      scope,
    });
  });

  test('its tokens are given to nobody, to users, and not for wrong passwords', async () => {
    expect(await own()).toMatch(/^Bearer \S+$/);
    expect(await own(asUser)).toMatch(/^Bearer \S+$/);
    const wrong = await send(api, 'GET', '/auth/token', basic(user, 'wrong'));
    expect(wrong.status).toBe(401);
    const form = new URLSearchParams({ grant_type: 'password', username: user, password });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const post = await api.send('POST', '/auth/token', { headers, body: form.toString() });
    expect(post.status).toBe(200);
    form.set('password', 'wrong');
    const refused = await api.send('POST', '/auth/token', { headers, body: form.toString() });
    expect(refused.status).toBe(401);
  });

  test.each([
    ['nobody', undefined, [401, 200, 200, 401], 401],
    ['a reader', asReader, [403, 200, 200, 200], 403],
    ['the user', asUser, [200, 200, 200, 200], 202],
  ])('%s pulls and pushes what the rules say', async (_, login, pulls, pushes) => {
    for (const authorization of [await own(login), ...(login === undefined ? [] : [login])]) {
      const statuses: number[] = [];
      for (const name of repositories) {
        statuses.push((await api.get(`/v2/${name}/manifests/v1`, { authorization })).status);
      }
      expect(statuses).toEqual(pulls);
      const start = await send(api, 'POST', '/v2/team/app/blobs/uploads/', authorization);
      expect(start.status).toBe(pushes);
    }
  });

  test('a user without the right is denied in the envelope, without a challenge', async () => {
    const reply = await api.get('/v2/private/x/tags/list', { authorization: asReader });
    expect(reply.status).toBe(403);
    expect(reply.codes()).toEqual(['DENIED']);
    expect(reply.headers).not.toHaveProperty('www-authenticate');
  });

  test.each([
    ['nobody', undefined, ['public/a', 'public/b/c']],
    ['a reader', asReader, ['public/a', 'public/b/c', 'team/app']],
    ['the user', asUser, repositories],
  ])('the catalog shows %s what may be pulled', async (_, login, expected) => {
    const authorization = await own(login);
    const whole = await api.get('/v2/_catalog', { authorization });
    expect(whole.json()).toEqual({ repositories: expected });
    const page = await api.get('/v2/_catalog?n=1', { authorization });
    expect(page.json()).toEqual({ repositories: expected.slice(0, 1) });
    const last = encodeURIComponent(String(expected[0]));
    expect(page.headers.link).toBe(`</v2/_catalog?last=${last}&n=1>; rel="next"`);
  });

  test('a repository that may not be pulled and one that is not there are answered alike', async () => {
    const authorization = asReader;
    const hidden = await api.get('/v2/private/x/manifests/v1', { authorization });
    const missing = await api.get('/v2/private/y/manifests/v1', { authorization });
    expect(hidden.status).toBe(403);
    expect(hidden.text).toBe(missing.text.replaceAll('private/y', 'private/x'));
  });
});
