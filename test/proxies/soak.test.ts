/**
 * Bursts of pushes and pulls through each recipe of docs/proxies.md, with gaps of 7 to 13 s in which connections go idle
 * and are given up by one side or the other. Two bursts by default; LONGSHORE_SOAK_MINUTES=4 goes on for that long.
 */

import { randomBytes, randomInt } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  ApiClient,
  type ApiClientOptions,
  type ApiReply,
  anImage,
  digestOf,
  emptyConfig,
} from '../support/api-client.ts';
import { type Authority, anAuthority, type Pair } from '../support/certificates.ts';
import { proxiesMissing, type ReverseProxy } from '../support/proxies.ts';
import {
  type Replacements,
  recipe,
  startHaproxyRecipe,
  startNginxRecipe,
} from '../support/recipes.ts';
import { type FrontEndName, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';

const soakMs = Number(process.env['LONGSHORE_SOAK_MINUTES'] ?? 0) * 60_000;
const leastBursts = 2;
/** Proxies side by side, each with idle times of its own. */
const lanes = soakMs > 0 ? 4 : 2;
const clientsPerBurst = 6;

/** A recipe under load: its proxies, and how clients reach the registry through them. */
interface Lanes {
  readonly proxies: readonly ReverseProxy[];
  readonly client: ApiClientOptions;
}

interface Tally {
  replies: number;
  bursts: number;
  readonly wrong: string[];
}

describe.skipIf(proxiesMissing !== undefined)('idle connections behind proxies', () => {
  let folder: TempFolder;
  let ca: Authority;
  let pair: Pair;
  const registries: RunningRegistry[] = [];
  const proxies: ReverseProxy[] = [];

  beforeAll(async () => {
    folder = await tempFolder();
    ca = await anAuthority(folder.path, 'ca');
    pair = await ca.issue('proxy');
  });
  afterAll(async () => {
    for (const proxy of proxies) await proxy.stop();
    for (const registry of registries) await registry.stop();
    await folder.remove();
  });

  async function startLanes(
    heading: string,
    frontEnd: FrontEndName,
    instances: number,
  ): Promise<Lanes> {
    const at = join(folder.path, `${heading} ${frontEnd}`.replaceAll(' ', '-'));
    await mkdir(at);
    const hasPrefix = heading.includes('prefix');
    const http = hasPrefix
      ? (parse(recipe(heading, 'yaml')) as { http: Record<string, string> }).http
      : {};
    const hosts: string[] = [];
    for (let instance = 0; instance < instances; instance += 1) {
      const registry = await startRegistry({
        frontEnd,
        root: join(at, 'data'),
        config: { http: { ...http, addr: '127.0.0.1:0' } },
      });
      registries.push(registry);
      hosts.push(registry.host);
    }
    const started: ReverseProxy[] = [];
    for (let lane = 0; lane < lanes; lane += 1) {
      const start = heading.startsWith('haproxy') ? startHaproxyRecipe : startNginxRecipe;
      started.push(await start(join(at, `${lane}`), heading, await replacementsOf(heading, hosts)));
    }
    proxies.push(...started);
    const isTls = heading.endsWith('with TLS');
    const authority = await readFile(ca.certificate, 'utf8');
    return {
      proxies: started,
      client: {
        ...(isTls ? { ca: authority } : {}),
        ...(hasPrefix ? { prefix: http['prefix'] ?? '' } : {}),
      },
    };
  }

  async function replacementsOf(heading: string, hosts: readonly string[]): Promise<Replacements> {
    const [one = '', two = one] = hosts;
    const isTls = heading.endsWith('with TLS');
    if (heading.startsWith('nginx')) {
      const files = {
        '/etc/ssl/certs/registry.crt': pair.certificate,
        '/etc/ssl/private/registry.key': pair.key,
      };
      return { '127.0.0.1:5000': one, ...(isTls ? files : {}) };
    }
    const pem = join(folder.path, 'registry.pem');
    if (isTls) {
      await writeFile(pem, `${await readFile(pair.certificate)}${await readFile(pair.key)}`);
    }
    return {
      '10.0.0.1:5000': one,
      '10.0.0.2:5000': two,
      ...(isTls ? { '/etc/haproxy/registry.pem': pem } : {}),
    };
  }

  /** What a CI job does; connections to the proxy are new, so that only those behind it have been idle. */
  async function pushAndPull(port: number, client: ApiClientOptions, tally: Tally): Promise<void> {
    const api = new ApiClient(port, client);
    const publicUrl = `${client.ca === undefined ? 'http' : 'https'}://127.0.0.1:${port}${client.prefix ?? '/'}v2/`;
    const noted = async (step: string, status: number, reply: Promise<ApiReply>) => {
      const got = await reply;
      tally.replies += 1;
      if (got.status !== status) throw new Error(`${step}: ${got.status} ${got.text}`);
      const { location = publicUrl } = got.headers;
      if (!location.startsWith(publicUrl)) throw new Error(`${step}: Location ${location}`);
      return got;
    };
    try {
      const name = `soak/${randomInt(1_000)}`;
      for (const bytes of [randomBytes(40_000), Buffer.from(emptyConfig)]) {
        const { headers } = await noted(
          'POST',
          202,
          api.send('POST', `/v2/${name}/blobs/uploads/`, { body: '' }),
        );
        const patched = await noted('PATCH', 202, api.patch(String(headers.location), bytes));
        const digest = digestOf(bytes);
        const location = String(patched.headers.location);
        await noted('PUT blob', 201, api.finishUpload(location, digest));
        await noted('GET blob', 200, api.get(`/v2/${name}/blobs/${digest}`));
      }
      await noted('PUT manifest', 201, api.putManifest(name, 'v1', anImage()));
      await noted('HEAD manifest', 200, api.head(`/v2/${name}/manifests/v1`));
    } catch (error) {
      tally.wrong.push(error instanceof Error ? error.message : String(error));
    } finally {
      api.close();
    }
  }

  async function soak(port: number, client: ApiClientOptions, tally: Tally): Promise<void> {
    const endMs = Date.now() + soakMs;
    for (let burst = 0; burst < leastBursts || Date.now() < endMs; burst += 1) {
      // The one sleep that is the subject of its test.
      if (burst > 0) await delay(randomInt(7_000, 13_000));
      const jobs = Array.from({ length: clientsPerBurst }, () => pushAndPull(port, client, tally));
      await Promise.all(jobs);
      tally.bursts += 1;
    }
  }

  it.concurrent.each([
    ['nginx', 'uws', 1],
    ['nginx', 'node', 1],
    ['nginx with TLS', 'uws', 1],
    ['nginx with TLS', 'node', 1],
    ['nginx with a path prefix', 'uws', 1],
    ['nginx with a path prefix', 'node', 1],
    ['haproxy', 'uws', 2],
    ['haproxy', 'node', 2],
    ['haproxy with TLS', 'uws', 2],
    ['haproxy with TLS', 'node', 2],
    ['nginx without proxy_http_version', 'node', 1],
  ] as const)(
    'bring no error to clients: %s, %s front end',
    async (heading, frontEnd, instances) => {
      const { proxies: started, client } = await startLanes(heading, frontEnd, instances);
      const tally: Tally = { replies: 0, bursts: 0, wrong: [] };
      await Promise.all(started.map(({ port }) => soak(port, client, tally)));
      if (soakMs > 0) {
        process.stdout.write(
          `${heading}, ${frontEnd}: ${tally.replies} replies in ${tally.bursts} bursts, ${tally.wrong.length} wrong\n`,
        );
      }
      expect(tally.wrong).toEqual([]);
      expect(tally.bursts).toBeGreaterThanOrEqual(leastBursts * lanes);
    },
    soakMs + 120_000,
  );
});
