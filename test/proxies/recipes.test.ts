/** The recipes of docs/proxies.md: real clients through real proxies to the built registry. */

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { ApiClient, digestOf, locationOf } from '../support/api-client.ts';
import { type Authority, anAuthority } from '../support/certificates.ts';
import { readMessage } from '../support/http-call.ts';
import { writeOciLayout } from '../support/oci-layout.ts';
import { proxiesMissing, type ReverseProxy } from '../support/proxies.ts';
import {
  type Replacements,
  recipe,
  startHaproxyRecipe,
  startNginxRecipe,
} from '../support/recipes.ts';
import {
  type FrontEndName,
  frontEnds,
  type RegistryRequest,
  type RunningRegistry,
  startRegistry,
} from '../support/registry.ts';
import { storedUploadBytes } from '../support/stored-uploads.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';

// Each test starts servers and clients, which take their time on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

const run = promisify(execFile);
const mib = 1024 * 1024;

describe.skipIf(proxiesMissing !== undefined)('recipes for proxies', () => {
  let folder: TempFolder;
  let ca: Authority;
  const registries: RunningRegistry[] = [];
  const proxies: ReverseProxy[] = [];
  let count = 0;

  beforeAll(async () => {
    folder = await tempFolder();
    ca = await anAuthority(folder.path, 'ca');
    await mkdir(join(folder.path, 'trust'));
    await copyFile(ca.certificate, join(folder.path, 'trust', 'ca.crt'));
  });
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) await proxy.stop();
    for (const registry of registries.splice(0)) await registry.stop();
  });
  afterAll(async () => folder.remove());

  async function registryWith(settings: RegistryRequest): Promise<RunningRegistry> {
    const registry = await startRegistry(settings);
    registries.push(registry);
    return registry;
  }

  async function nginx(heading: string, replacements: Replacements): Promise<ReverseProxy> {
    count += 1;
    const proxy = await startNginxRecipe(join(folder.path, `${count}`), heading, replacements);
    proxies.push(proxy);
    return proxy;
  }

  async function haproxy(heading: string, replacements: Replacements): Promise<ReverseProxy> {
    count += 1;
    const proxy = await startHaproxyRecipe(join(folder.path, `${count}`), heading, replacements);
    proxies.push(proxy);
    return proxy;
  }

  async function twoInstances(frontEnd: FrontEndName): Promise<Replacements> {
    const root = join(folder.path, `data-${frontEnd}-${registries.length}-${count}`);
    const one = await registryWith({ frontEnd, root });
    const two = await registryWith({ frontEnd, root });
    return { '10.0.0.1:5000': one.host, '10.0.0.2:5000': two.host };
  }

  /** skopeo pushes an image with a layer of 40 MiB and pulls it again; its own checks compare the digests. */
  async function carriesImages(host: string, trust: 'plain' | 'tls'): Promise<void> {
    const layout = join(folder.path, 'layout');
    const digest = await writeOciLayout(layout, 'latest', [randomBytes(40 * mib)]);
    const certificates = join(folder.path, 'trust');
    const flags = (side: string): string[] =>
      trust === 'tls' ? [`--${side}-cert-dir`, certificates] : [`--${side}-tls-verify=false`];
    const image = `docker://${host}/team/app:v1`;
    await run('skopeo', ['copy', ...flags('dest'), `oci:${layout}:latest`, image]);
    const pulled = join(folder.path, 'pulled');
    await run('skopeo', ['copy', ...flags('src'), image, `dir:${pulled}`]);
    expect(digestOf(await readFile(join(pulled, 'manifest.json')))).toBe(digest);
  }

  /** Location of a new upload, asked for as a client does that knows the proxy only. */
  async function locationThrough(url: string): Promise<string> {
    const { stdout } = await run('curl', [
      ...['-sS', '-i', '--http1.1', '--cacert', ca.certificate, '-X', 'POST', '-d', ''],
      `${url}v2/team/app/blobs/uploads/`,
    ]);
    return /^location: (\S+)/im.exec(stdout)?.[1] ?? stdout;
  }

  /** Sends half of a body and holds the rest back until the registry has stored most of that half. */
  async function streamsUploads(port: number, root: string): Promise<void> {
    const api = new ApiClient(port);
    const location = new URL(await api.startUpload('team/streamed'));
    const half = randomBytes(8 * mib);
    const outgoing = request({
      ...{ host: '127.0.0.1', port, method: 'PATCH', path: location.pathname + location.search },
      headers: { 'content-type': 'application/octet-stream', host: location.host },
    });
    outgoing.write(half);
    await vi.waitFor(
      async () => expect(await storedUploadBytes(root)).toBeGreaterThan(half.length / 2),
      { timeout: 20_000, interval: 50 },
    );
    const answered = once(outgoing, 'response');
    outgoing.end(half);
    const [message] = await answered;
    await readMessage(message);
    expect(message.statusCode).toBe(202);
    const digest = digestOf(Buffer.concat([half, half]));
    const done = await api.finishUpload(message.headers.location, digest);
    expect(done.status).toBe(201);
    expect(digestOf((await api.get(`/v2/team/streamed/blobs/${digest}`)).body)).toBe(digest);
    api.close();
  }

  describe.each(frontEnds)('%s front end', (frontEnd) => {
    it('works behind nginx, which passes uploads on as they come', async () => {
      const registry = await registryWith({ frontEnd });
      const { port } = await nginx('nginx', { '127.0.0.1:5000': registry.host });
      await carriesImages(`127.0.0.1:${port}`, 'plain');
      await streamsUploads(port, registry.root);
      expect(await locationThrough(`http://127.0.0.1:${port}/`)).toMatch(
        `http://127.0.0.1:${port}/v2/team/app/blobs/uploads/`,
      );
    });

    it('sends clients to https when TLS ends at nginx', async () => {
      const registry = await registryWith({ frontEnd });
      const pair = await ca.issue('nginx');
      const { port } = await nginx('nginx with TLS', {
        '127.0.0.1:5000': registry.host,
        '/etc/ssl/certs/registry.crt': pair.certificate,
        '/etc/ssl/private/registry.key': pair.key,
      });
      await carriesImages(`127.0.0.1:${port}`, 'tls');
      expect(await locationThrough(`https://127.0.0.1:${port}/`)).toMatch(
        `https://127.0.0.1:${port}/v2/team/app/blobs/uploads/`,
      );
    });

    it('lives below a path prefix of nginx', async () => {
      const { http } = parse(recipe('nginx with a path prefix', 'yaml')) as {
        http: Record<string, string>;
      };
      const registry = await registryWith({
        frontEnd,
        config: { http: { ...http, addr: '127.0.0.1:0' } },
      });
      const { port } = await nginx('nginx with a path prefix', {
        [http['addr'] ?? '']: registry.host,
      });
      const api = new ApiClient(port);
      const started = await api.send('POST', '/containers/v2/team/app/blobs/uploads/', {
        body: '',
      });
      expect(locationOf(started)).toMatch(
        `http://127.0.0.1:${port}/containers/v2/team/app/blobs/uploads/`,
      );
      const bytes = randomBytes(3 * mib);
      const pushed = await api.finishUpload(locationOf(started), digestOf(bytes), bytes);
      expect(pushed.status).toBe(201);
      const pulled = await api.get(locationOf(pushed));
      expect(digestOf(pulled.body)).toBe(digestOf(bytes));
      expect((await api.get('/v2/')).status).toBe(404);
      api.close();
    });

    it('serves haproxy, which turns between two instances with every request', async () => {
      const instances = await twoInstances(frontEnd);
      const { port } = await haproxy('haproxy', instances);
      await carriesImages(`127.0.0.1:${port}`, 'plain');
      for (const registry of registries) {
        expect(registry.log()).toContain('/v2/team/app/');
      }
      const [{ root } = { root: '' }] = registries;
      await streamsUploads(port, root);
    });

    it('sends clients to https when TLS ends at haproxy', async () => {
      const pair = await ca.issue('haproxy');
      const pem = join(folder.path, 'registry.pem');
      await writeFile(pem, `${await readFile(pair.certificate)}${await readFile(pair.key)}`);
      const { port } = await haproxy('haproxy with TLS', {
        ...(await twoInstances(frontEnd)),
        '/etc/haproxy/registry.pem': pem,
      });
      await carriesImages(`127.0.0.1:${port}`, 'tls');
      expect(await locationThrough(`https://127.0.0.1:${port}/`)).toMatch(
        `https://127.0.0.1:${port}/v2/team/app/blobs/uploads/`,
      );
    });
  });

  describe('nginx without proxy_http_version', () => {
    const heading = 'nginx without proxy_http_version';

    it('works with the front end that its recipe names', async () => {
      const { http } = parse(recipe(heading, 'yaml')) as {
        http: { addr: string; frontend: FrontEndName };
      };
      const registry = await registryWith({ frontEnd: http.frontend });
      const { port } = await nginx(heading, { [http.addr]: registry.host });
      await carriesImages(`127.0.0.1:${port}`, 'plain');
      expect(await locationThrough(`http://127.0.0.1:${port}/`)).toMatch(
        `http://127.0.0.1:${port}/v2/team/app/blobs/uploads/`,
      );
    });

    it('gets 505 from the uws front end, whose log says what to do', async () => {
      const registry = await registryWith({ frontEnd: 'uws' });
      const { port } = await nginx(heading, { '127.0.0.1:5000': registry.host });
      const api = new ApiClient(port);
      for (let turn = 0; turn < 4; turn += 1) {
        expect((await api.get('/v2/')).status).toBe(505);
      }
      await vi.waitFor(() => expect(registry.log()).toContain('must be set to HTTP/1.1'));
      expect(registry.log()).toContain('proxy_http_version 1.1');
      api.close();
    });
  });
});
