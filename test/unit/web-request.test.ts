/** Whatever asks a URL out of the configuration does it as Distribution: with user info, on any port. */

import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Endpoint } from '../../src/notifications/endpoint.ts';
import { Health } from '../../src/observe/health.ts';
import { healthChecks } from '../../src/observe/health-checks.ts';
import { silentLogger } from '../../src/observe/logger.ts';
import { maskedUrl } from '../../src/options/masked-url.ts';
import { Secret } from '../../src/options/secret.ts';
import { createMemoryDriver } from '../../src/storage/drivers/memory/driver.ts';
import { cloudfronted } from '../../src/storage/middleware/cloudfront.ts';
import { webRequest } from '../../src/web-request.ts';
import { anEndpoint } from '../support/events.ts';
import { HttpSink } from '../support/http-sink.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** Some of the ports that WHATWG fetch refuses ("bad port"); which are free differs by machine. */
const blockedPorts = [10080, 6000, 5060, 5061, 2049, 6566, 6665, 6666, 6667, 6668, 6669, 4190];

let sink: HttpSink;
let undo: (() => unknown)[] = [];
beforeEach(async () => {
  sink = await new HttpSink().open(blockedPorts);
});
afterEach(async () => {
  for (const step of undo.reverse()) await step();
  undo = [];
  await sink.close();
});

async function checkHealth(
  ...uris: readonly string[]
): Promise<{ failures: Record<string, string>; told: string }> {
  const logger = recordingLogger();
  const health = new Health({ logger });
  const options = {
    storagedriver: { enabled: false, interval: 0, threshold: 0, timeout: 0 },
    file: [],
    http: uris.map((uri) => ({
      uri,
      headers: {},
      statuscode: 200,
      timeout: 5000,
      interval: 0,
      threshold: 0,
    })),
    tcp: [],
  };
  const storage = { driverName: 'inmemory', probe: () => Promise.resolve() };
  for (const check of healthChecks(options, storage)) health.add(check);
  await health.start();
  health.stop();
  const failures = health.failures();
  return { failures, told: JSON.stringify([failures, health.checks(), logger.lines]) };
}

async function postEvent(url: string): Promise<void> {
  const endpoint = new Endpoint('sink', anEndpoint({ url }), {
    limits: { maxEvents: 10, maxBytes: 1e6 },
    keepDeadLetters: () => Promise.resolve(true),
    onSettled: () => undefined,
    logger: silentLogger,
    now: Date.now,
  });
  undo.push(() => endpoint.stop());
  endpoint.push({ seq: 1, event: {} as never, body: '{}', queuedAtMs: 0 });
  await endpoint.idle();
}

async function fetchAwsRanges(iprangesurl: string): Promise<void> {
  sink.body = '{"prefixes":[{"ip_prefix":"192.0.2.0/24","region":"r"}]}';
  const folder = await tempFolder();
  undo.push(() => folder.remove());
  const privatekey = join(folder.path, 'key.pem');
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(privatekey, privateKey.export({ type: 'pkcs1', format: 'pem' }));
  const { driver, stop } = await cloudfronted(
    createMemoryDriver(),
    {
      baseurl: 'https://cdn.example/',
      privatekey,
      keypairid: 'KID',
      duration: '20m',
      updatefrequency: '12h',
      ipfilteredby: 'aws',
      iprangesurl,
    },
    { keyOf: (at) => at, logger: silentLogger },
  );
  undo.push(stop);
  const isInside = async (): Promise<boolean> =>
    (await driver.redirectUrl('/x', { method: 'GET', clientAddress: '192.0.2.1' })) === undefined;
  await expect.poll(isInside).toBe(true);
}

const askers: [string, (url: string) => Promise<unknown>][] = [
  ['a health check', async (url) => expect((await checkHealth(url)).failures).toEqual({})],
  ['a notification endpoint', postEvent],
  ['the list of AWS addresses', fetchAwsRanges],
];

describe.each(askers)('%s', (_what, ask) => {
  it('asks on a port that fetch would refuse', async () => {
    await ask(sink.url);
    expect(sink.received).toHaveLength(1);
  });

  it.each([
    ['user:p%40ss', 'user:p@ss'],
    ['user', 'user:'],
    [':token', ':token'],
    ['user:50%', 'user:50%'],
  ])('sends the user info %s as Basic credentials', async (userInfo, pair) => {
    await ask(sink.url.replace('//', `//${userInfo}@`));
    const expected = `Basic ${Buffer.from(pair).toString('base64')}`;
    expect(sink.received[0]?.headers.authorization).toBe(expected);
  });

  it('follows redirects, with the credentials of the place they lead to', async () => {
    const target = await new HttpSink().open();
    undo.push(() => target.close());
    sink.answer = 307;
    sink.headers = { location: target.url.replace('//', '//other:one@') };
    target.body = '{"prefixes":[{"ip_prefix":"192.0.2.0/24","region":"r"}]}';
    await ask(sink.url.replace('//', '//user:secret@'));
    expect(target.received[0]?.headers.authorization).toBe(`Basic ${btoa('other:one')}`);
  });
});

describe('a health check of a URL with secrets', () => {
  it.each([200, 500, 302])('tells nobody of them when the answer is %i', async (answer) => {
    sink.answer = answer;
    if (answer === 302) sink.headers = { location: 'ftp://nowhere/' };
    const shown = sink.url.replace('//', '//***@');
    const { failures, told } = await checkHealth(
      `${sink.url.replace('//', '//user:hunter2@')}?token=geheim`,
    );
    expect(Object.keys(failures)).toEqual(answer === 200 ? [] : [`${shown}?***`]);
    expect(told).toContain(`${shown}?***`);
    expect(told).not.toMatch(/user|hunter2|geheim/);
  });

  it('tells nobody of them when nothing listens', async () => {
    await sink.close();
    const { failures, told } = await checkHealth(
      `${sink.url.replace('//', '//user:hunter2@')}?token=geheim`,
    );
    expect(Object.values(failures)[0]).toContain('ECONNREFUSED');
    expect(told).not.toMatch(/user|hunter2|geheim/);
  });

  it('says why a name with several addresses does not answer', async () => {
    await sink.close();
    const { failures } = await checkHealth(sink.url.replace('127.0.0.1', 'localhost'));
    expect(Object.values(failures)[0]).toContain('ECONNREFUSED');
  });

  it('is one of several that differ in what is masked alone', async () => {
    sink.answer = 500;
    const { failures } = await checkHealth(`${sink.url}?a=1`, `${sink.url}?a=2`);
    expect(Object.keys(failures)).toEqual([`${sink.url}?***`, `${sink.url}?*** #2`]);
  });
});

it.each([
  ['https://host/path', 'https://host/path'],
  ['https://host/a@b', 'https://host/a@b'],
  ['https://user:pw@host/path', 'https://***@host/path'],
  ['https://user@host', 'https://***@host'],
  ['HTTPS://user:p@ss@host/x@y', 'HTTPS://***@host/x@y'],
  ['http:///user:pw@host/', 'http:///***@host/'],
  ['http://host/?token=x&y=z#f', 'http://host/?***'],
  ['http://user:p/w@host/', 'http://***@host/'],
  ['user:pw@host', '***@host'],
])('%s is shown as %s', (text, expected) => {
  expect(maskedUrl(text)).toBe(expected);
});

it('adds configured headers to its own, whatever their case', () => {
  const headers = { 'X-A': [new Secret('1'), new Secret('2')], 'User-Agent': [new Secret('me')] };
  expect(webRequest('http://h/', 'GET', headers, { 'x-a': '0' }).headers).toEqual({
    'x-a': ['0', '1', '2'],
    'user-agent': 'me',
  });
});
