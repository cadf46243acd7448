/** `longshore serve` as a process: its start line, starts that fail, signals. */

import { once } from 'node:events';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiClient, digestOf, locationOf } from '../support/api-client.ts';
import { anAuthority } from '../support/certificates.ts';
import { configFile, type Launched, launch } from '../support/launch.ts';
import { frontEnds, testSecret } from '../support/registry.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';

let folder: TempFolder;
let running: Launched[] = [];

beforeEach(async () => {
  folder = await tempFolder();
});
afterEach(async () => {
  for (const process of running) process.kill('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended));
  running = [];
  await folder.remove();
});

interface Settings {
  readonly root?: string;
  readonly http?: string;
  readonly env?: Record<string, string>;
  readonly withoutRootRights?: boolean;
}

/** Runs `serve` with storage below the test's folder. */
async function serve(settings: Settings = {}): Promise<Launched> {
  const { root = join(folder.path, 'data'), http = '', env = {} } = settings;
  const file = await configFile(
    folder.path,
    `version: 0.1
log: { accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: ${root} } }
http: { addr: '127.0.0.1:0', secret: ${testSecret}${http === '' ? '' : `, ${http}`} }
`,
  );
  const launched = launch(['serve', file], { ...settings, env });
  running.push(launched);
  return launched;
}

/** The lines on stderr that are no log records: what an operator is told when the start fails. */
function plainLines(stderr: string): string[] {
  return stderr
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('time='));
}

/** The one line of a start that fails. */
async function failedStart(launched: Launched): Promise<string> {
  const { code, signal, stdout, stderr } = await launched.ended;
  expect({ code, signal }).toEqual({ code: 1, signal: null });
  expect(stdout).toBe('');
  const lines = plainLines(stderr);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^longshore: /);
  return String(lines[0]);
}

describe('start', () => {
  test.each([
    ['uws', 'uWebSockets.js'],
    ['node', '"node:http"'],
  ])('one line tells address, storage, front end and version (%s)', async (frontend, name) => {
    const launched = await serve({ http: `frontend: ${frontend}` });
    const port = await launched.port();
    expect(port).toBeGreaterThan(0);
    const lines = launched.stderr().split('\n');
    const line = lines.filter((text) => text.includes('listening on'));
    expect(line).toHaveLength(1);
    expect(line[0]).toContain(`msg="listening on 127.0.0.1:${port}"`);
    expect(line[0]).toContain(`frontend=${name}`);
    expect(line[0]).toContain('storage=filesystem');
    expect(line[0]).toMatch(/ version=\d/);
  });

  test('a container needs nothing but the environment besides the file of its image', async () => {
    const file = await configFile(
      folder.path,
      `version: 0.1
storage: { cache: { blobdescriptor: inmemory }, filesystem: { rootdirectory: /nowhere } }
http: { addr: ':5000', headers: { X-Content-Type-Options: [nosniff] } }
`,
    );
    const launched = launch(['serve'], {
      env: {
        REGISTRY_CONFIGURATION_PATH: file,
        REGISTRY_HTTP_ADDR: '127.0.0.1:0',
        REGISTRY_HTTP_SECRET: 'from the environment',
        REGISTRY_STORAGE: 'inmemory',
        REGISTRY_STORAGE_DELETE_ENABLED: 'true',
        REGISTRY_LOG_FORMATTER: 'json',
        REGISTRY_LOG_FIELDS: '{service: here}',
      },
    });
    running.push(launched);
    await launched.seen(/listening on/);
    const [record] = launched
      .stderr()
      .split('\n')
      .filter((line) => line.includes('listening on'))
      .map((line) => JSON.parse(line) as Record<string, string>);
    expect(record).toMatchObject({ storage: 'inmemory', service: 'here', level: 'info' });
    const api = new ApiClient(Number(/:(\d+)$/.exec(String(record?.['msg']))?.[1]));
    const base = await api.get('/v2/');
    expect(base.headers['x-content-type-options']).toBe('nosniff');
    const { digest } = await api.pushImage('from/environment', 'v1');
    expect((await api.delete(`/v2/from/environment/manifests/${digest}`)).status).toBe(202);
    api.close();
  });

  test('a variable that matches nothing is a warning with the nearest key', async () => {
    const launched = await serve({ env: { REGISTRY_HTTP_ADR: ':1' } });
    await launched.port();
    expect(launched.stderr()).toMatch(
      /level=warning msg="Ignoring unrecognized environment variable REGISTRY_HTTP_ADR; did you mean REGISTRY_HTTP_ADDR\?"/,
    );
  });

  test('a proxy that is not used is told, once', async () => {
    for (const processes of ['1', '2']) {
      const launched = await serve({
        env: {
          HTTP_PROXY: 'http://127.0.0.1:1',
          NO_PROXY: '',
          REGISTRY_HEALTH_HTTP: '[{ uri: "http://up.example.com/" }]',
          REGISTRY_HTTP_PROCESSES: processes,
          ...(processes === '1' ? {} : { REGISTRY_HTTP_DEBUG_ADDR: '127.0.0.1:0' }),
        },
      });
      await launched.port();
      const warnings = launched.stderr().match(/level=warning msg="HTTP_PROXY set, but [^"]*/g);
      expect(warnings).toEqual([expect.stringContaining('http://up.example.com/')]);
    }
  });
});

describe('a start that fails says why in one line and ends with 1', () => {
  describe('address in use', () => {
    const holder = createServer();
    let taken = '';
    beforeEach(async () => {
      await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', () => resolve()));
      taken = `127.0.0.1:${(holder.address() as AddressInfo).port}`;
    });
    afterEach(async () => {
      await new Promise((resolve) => holder.close(resolve));
    });

    test.each(frontEnds)('of the registry (%s)', async (frontend) => {
      const env = { REGISTRY_HTTP_ADDR: taken, REGISTRY_HTTP_FRONTEND: frontend };
      expect(await failedStart(await serve({ env }))).toBe(
        `longshore: cannot listen on ${taken}: address already in use`,
      );
    });

    test('of the debug server', async () => {
      const line = await failedStart(await serve({ env: { REGISTRY_HTTP_DEBUG_ADDR: taken } }));
      expect(line).toMatch(/^longshore: debug server cannot listen on .*address already in use/);
    });
  });

  test('storage root that is a file', async () => {
    const root = join(folder.path, 'file');
    await writeFile(root, '');
    expect(await failedStart(await serve({ root }))).toBe(
      `longshore: storage.filesystem.rootdirectory: ${root} is not a folder`,
    );
    expect(await failedStart(await serve({ root: join(root, 'deep/er') }))).toBe(
      `longshore: storage.filesystem.rootdirectory: ${root} is not a folder`,
    );
  });

  test('storage root that cannot be made', async () => {
    const locked = join(folder.path, 'locked');
    await mkdir(locked, { mode: 0o555 });
    const root = join(locked, 'data');
    const line = await failedStart(await serve({ root, withoutRootRights: true }));
    expect(line).toMatch(
      /^longshore: storage\.filesystem\.rootdirectory: cannot create \S+\/data: EACCES/,
    );
  });

  test('storage root that cannot be read', async () => {
    const root = join(folder.path, 'hidden');
    await mkdir(root, { mode: 0 });
    const line = await failedStart(await serve({ root, withoutRootRights: true }));
    expect(line).toMatch(/^longshore: storage\.filesystem\.rootdirectory: cannot read \S+: EACCES/);
  });

  test('certificate that is not there', async () => {
    const http = 'tls: { certificate: /nowhere.pem, key: /nowhere.key }';
    expect(await failedStart(await serve({ http }))).toMatch(
      /^longshore: http\.tls\.certificate: cannot read \/nowhere\.pem: ENOENT/,
    );
  });
});

test('a storage root that can only be read is a warning: it serves pulls', async () => {
  const root = join(folder.path, 'read-only');
  await mkdir(root, { mode: 0o555 });
  const launched = await serve({ root, withoutRootRights: true });
  const api = new ApiClient(await launched.port());
  expect(launched.stderr()).toMatch(
    /level=warning msg="storage\.filesystem\.rootdirectory: cannot write in /,
  );
  expect((await api.get('/v2/_catalog')).json()).toEqual({ repositories: [] });
  const push = await api.send('POST', '/v2/x/blobs/uploads/', { body: '' });
  expect(push.status).toBeGreaterThanOrEqual(500);
  expect(push.codes()).toHaveLength(1);
  api.close();
});

test('SIGTERM ends a start that waits for its storage', async () => {
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', () => resolve()));
  const asked = once(silent, 'connection');
  const { port } = silent.address() as AddressInfo;
  const launched = await serve({
    env: {
      REGISTRY_STORAGE: `{s3: {regionendpoint: 'http://127.0.0.1:${port}', bucket: b, accesskey: a, secretkey: s}}`,
    },
  });
  const [socket] = (await asked) as [Socket];
  launched.kill('SIGTERM');
  expect((await launched.ended).code).toBe(1);
  socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
});

test('an idle HTTP/2 connection does not hold the end up', async () => {
  const { certificate, key } = await (await anAuthority(folder.path, 'ca')).issue('registry');
  const launched = await serve({ http: `tls: { certificate: ${certificate}, key: ${key} }` });
  const session = connect(`https://127.0.0.1:${await launched.port()}`, {
    rejectUnauthorized: false,
  });
  const stream = session.request({ ':path': '/v2/' });
  stream.resume();
  await once(stream, 'end');
  const goneAway = once(session, 'goaway');
  launched.kill('SIGTERM');
  expect((await launched.ended).code).toBe(0);
  await goneAway;
  session.destroy();
});

describe.each(frontEnds)('signals (%s)', (frontend) => {
  const part = Buffer.alloc(1024 * 1024, 'part');
  const http = `frontend: ${frontend}`;

  /** Sends the head of a PATCH and `part` of its two, and waits until some of it is on disk. */
  async function halfPatch(port: number, location: string) {
    const { pathname, search } = new URL(location);
    const outgoing = httpRequest({
      host: '127.0.0.1',
      port,
      method: 'PATCH',
      path: pathname + search,
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(2 * part.length),
      },
    });
    const status = new Promise<number | string>((resolve) => {
      outgoing.once('response', (reply) => {
        reply.resume();
        resolve(reply.statusCode ?? 0);
      });
      outgoing.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'failed'));
    });
    outgoing.write(part);
    await vi.waitFor(
      async () => {
        const files = (await folder.files()).filter((file) => file.endsWith('/data'));
        expect((await stat(join(folder.path, String(files[0])))).size).toBeGreaterThan(0);
      },
      { timeout: 10_000, interval: 20 },
    );
    return { outgoing, status };
  }

  /** Starts anew on the same storage, goes on with the upload and commits it. */
  async function goOn(location: string, received: number): Promise<void> {
    const again = await serve({ http });
    const api = new ApiClient(await again.port());
    const status = await api.get(location);
    expect(status.status).toBe(204);
    expect(status.headers.range).toBe(`0-${Math.max(received - 1, 0)}`);
    const whole = Buffer.concat([part, part]);
    const more = await api.patch(locationOf(status), whole.subarray(received), {
      'content-range': `${received}-${whole.length - 1}`,
    });
    expect(more.status).toBe(202);
    const digest = digestOf(whole);
    expect((await api.finishUpload(locationOf(more), digest)).status).toBe(201);
    expect((await api.get(`/v2/up/blobs/${digest}`)).body.equals(whole)).toBe(true);
    api.close();
  }

  test('SIGTERM ends with 0, and an upload begun before goes on after the next start', async () => {
    const launched = await serve({ http });
    const api = new ApiClient(await launched.port());
    const location = await api.startUpload('up');
    const reply = await api.patch(location, part);
    expect(reply.status).toBe(202);
    // The keep-alive connection of this client stays open and must not hold the end up.
    launched.kill('SIGTERM');
    const { code, stderr } = await launched.ended;
    api.close();
    expect(code).toBe(0);
    expect(plainLines(stderr)).toEqual([]);
    expect(stderr).not.toMatch(/level=(error|fatal|panic)/);
    await goOn(locationOf(reply), part.length);
  });

  test('SIGTERM lets a running request finish', async () => {
    const launched = await serve({ http });
    const port = await launched.port();
    const api = new ApiClient(port);
    const patch = await halfPatch(port, await api.startUpload('up'));
    launched.kill('SIGTERM');
    await launched.seen(/stopping server gracefully/);
    patch.outgoing.end(part);
    expect(await patch.status).toBe(202);
    expect((await launched.ended).code).toBe(0);
    api.close();
  });

  test('a request that outlasts the drain time is cut; what came of it is kept, and the exit code is 1', async () => {
    const launched = await serve({ http: `${http}, draintimeout: 300ms` });
    const port = await launched.port();
    const api = new ApiClient(port);
    const location = await api.startUpload('up');
    const patch = await halfPatch(port, location);
    launched.kill('SIGTERM');
    const { code, stderr } = await launched.ended;
    expect(typeof (await patch.status)).toBe('string');
    expect(code).toBe(1);
    expect(stderr).toMatch(/drain timeout: running requests were cut.* requests=1/);
    api.close();
    await goOn(location, part.length);
  });

  test('a second SIGTERM ends it at once', async () => {
    const launched = await serve({ http: `${http}, draintimeout: 1h` });
    const port = await launched.port();
    const api = new ApiClient(port);
    const patch = await halfPatch(port, await api.startUpload('up'));
    launched.kill('SIGTERM');
    await launched.seen(/stopping server gracefully/);
    launched.kill('SIGTERM');
    expect((await launched.ended).code).toBe(1);
    expect(typeof (await patch.status)).toBe('string');
    api.close();
  });

  test('SIGINT ends it as SIGTERM does', async () => {
    const launched = await serve({ http });
    await launched.port();
    launched.kill('SIGINT');
    expect((await launched.ended).code).toBe(0);
  });

  test('SIGHUP without anything to reload does no harm', async () => {
    const launched = await serve({ http });
    const api = new ApiClient(await launched.port());
    launched.kill('SIGHUP');
    expect((await api.get('/v2/')).status).toBe(200);
    launched.kill('SIGTERM');
    expect((await launched.ended).code).toBe(0);
    api.close();
  });
});
