/** `longshore config` refuses whatever `serve` would refuse for the configuration alone, and nothing else. */

import { describe, expect, test } from 'vitest';
import { compileAccessRules } from '../../../src/auth/htpasswd/access-rules.ts';
import type { Config } from '../../../src/config/schema.ts';
import { parseListenAddress } from '../../../src/http/listen-address.ts';
import { healthChecks } from '../../../src/observe/health-checks.ts';
import { parseMailAddress } from '../../../src/observe/mail-hook.ts';
import type { S3Options } from '../../../src/storage/drivers/s3/options.ts';
import { validate } from '../../../src/storage/drivers/s3/validate.ts';
import { faultsOf, load, loaded, minimal } from '../../support/config.ts';
import { someS3Options } from '../../support/s3-options.ts';

function succeeds(start: () => unknown): boolean {
  try {
    start();
    return true;
  } catch {
    return false;
  }
}

/** Loads, and loads only if the part of the registry takes the value too. */
function expectAgreement(text: string, start: () => unknown): void {
  expect([text, load(text).ok]).toEqual([text, succeeds(start)]);
}

const longPath = `/run/${'x'.repeat(103)}`;

describe.each([
  ':0',
  ':25',
  'h:0',
  'h:25',
  'h',
  'a b:25',
  '[::1]:25',
  '[x]:25',
  '::1:25',
  'h:65536',
  'h:smtp',
  '/run/x.sock',
  longPath,
])('the address %s is judged alike by config and serve', (addr) => {
  const given = JSON.stringify(addr);

  test('as that of a mail server', () => {
    const options = `options: {smtp: {addr: ${given}}, from: a@b, to: [c@d]}`;
    const hooks = `log: {hooks: [{type: mail, levels: [error], ${options}}]}\n`;
    expectAgreement(minimal + hooks, () => parseMailAddress(addr));
  });

  test('as one that health asks', () => {
    const tcp = [{ addr, timeout: 0, interval: 0, threshold: 0 }];
    const { health } = loaded(minimal);
    const storage = { driverName: 'inmemory', probe: () => Promise.resolve() };
    expectAgreement(`${minimal}health: {tcp: [{addr: ${given}}]}\n`, () =>
      healthChecks({ ...health, tcp }, storage),
    );
  });

  test.each(['tcp', 'unix'])('as one to listen on, %s', (net) => {
    expectAgreement(`${minimal}http: {net: ${net}, addr: ${given}}\n`, () =>
      parseListenAddress(addr, net),
    );
  });
});

describe('s3 options are judged alike by config and serve', () => {
  const flags = ['accelerate', 'forcepathstyle', 'usefipsendpoint', 'usedualstack', 'v4auth'];
  const values: [string, string[]][] = [
    ...flags.map((flag): [string, string[]] => [flag, ['true', 'false']]),
    ['bucket', ['b', 'a.b']],
    ['regionendpoint', ['', 'minio:9000', 'ftp://minio']],
  ];
  /** Every combination of the values. */
  const combinations = values.reduce<Record<string, string>[]>(
    (all, [key, each]) => all.flatMap((one) => each.map((value) => ({ ...one, [key]: value }))),
    [{}],
  );

  const textOf = (options: Record<string, string>): string =>
    `version: 0.1\nstorage: {s3: ${JSON.stringify(options)}}\n`;

  test.each(['v4auth', 'accelerate', 'usefipsendpoint', 'usedualstack'])('%s', (key) => {
    for (const options of combinations.filter((one) => one[key] === 'true')) {
      const flagsOf = Object.fromEntries(flags.map((flag) => [flag, options[flag] === 'true']));
      const { bucket, regionendpoint } = options;
      const asLoaded: S3Options = {
        ...someS3Options(),
        ...flagsOf,
        region: 'eu-west-1',
        bucket: bucket ?? '',
        regionendpoint: regionendpoint ?? '',
      };
      expectAgreement(textOf({ ...options, region: 'eu-west-1' }), () => validate(asLoaded));
    }
  });

  test.each([
    ...['us-east-1', 'eusc-de-east-1', 'us-isob-east-1', 'cn-north-1'],
    ...['xx-east-1', 'moon-1', 'eu-west-1.evil.example'],
  ])('the region %s', (region) => {
    const { regionendpoint, ...options } = someS3Options({ region, forcepathstyle: false });
    expectAgreement(textOf({ bucket: 'b', region }), () => validate(options));
  });

  test.each([
    ...['https://cdn.example.com', 'http://h:9000/', 'https://h/path', 'https://u:p@h'],
    ...['ftp://h', 'h', 'https://h/?q'],
  ])('the redirect endpoint %s', (redirectendpoint) => {
    expectAgreement(textOf({ bucket: 'b', regionendpoint: 'http://h', redirectendpoint }), () =>
      validate(someS3Options({ redirectendpoint })),
    );
  });

  test('signature version 2 is refused in one step, with or without an endpoint', () => {
    for (const endpoint of ['', 'minio:9000']) {
      const options = { bucket: 'b', region: 'eu-west-1', regionendpoint: endpoint };
      const faults = faultsOf(textOf({ ...options, v4auth: 'false' }));
      expect(faults).toEqual([expect.stringMatching(/^storage\.s3\.v4auth .*remove the key/)]);
    }
  });

  test('no fault shows the user info of an endpoint', () => {
    const endpoints = {
      regionendpoint: 'ftp://user:hunter2@h',
      redirectendpoint: 'https://user:hunter2@h/x?token=geheim',
    };
    const faults = faultsOf(textOf({ bucket: 'b', ...endpoints }));
    expect(faults).toHaveLength(2);
    expect(faults.join()).not.toMatch(/hunter2|geheim/);
  });
});

describe('access rules are judged alike by config and serve', () => {
  test.each(['a', 'a/**', 'A', 'a b', '**/a/**/b/**', '*/**/**/**/**/**', 'a?'])(
    'the glob %s',
    (repository) => {
      const rule = { users: ['u'], groups: [], anonymous: false, repository };
      const actions = ['pull'] as const;
      const text = `${minimal}auth: {htpasswd: {realm: r, path: p, access: [${JSON.stringify({ ...rule, actions })}]}}\n`;
      expectAgreement(text, () => compileAccessRules([{ ...rule, actions }], {}));
    },
  );

  test('a rule without actions', () => {
    const text = `${minimal}auth: {htpasswd: {realm: r, path: p, access: [{users: [u], repository: a, actions: []}]}}\n`;
    expect(faultsOf(text)).toEqual([expect.stringContaining('access[0].actions')]);
  });
});

test.each(['*.example.com', '192.0.2.1', 'a b', '../x'])(
  'no certificate can be ordered for %s',
  (host) => {
    const letsencrypt = JSON.stringify({ cachefile: '/c', email: 'a@b', hosts: [host] });
    expect(faultsOf(`${minimal}http: {tls: {letsencrypt: ${letsencrypt}}}\n`)).toEqual([
      expect.stringContaining('http.tls.letsencrypt.hosts[0]'),
    ]);
  },
);

describe('URLs of health checks', () => {
  const health = (...uris: string[]): string =>
    `${minimal}health: {http: ${JSON.stringify(uris.map((uri) => ({ uri })))}}\n`;

  test('are refused without showing their secrets', () => {
    const faults = faultsOf(health('ftp://user:hunter2@h/?token=geheim', 'user:hunter2@h'));
    expect(faults).toHaveLength(2);
    expect(faults.join()).not.toMatch(/hunter2|geheim/);
  });

  test('may differ in their secrets alone', () => {
    const config: Config = loaded(health('http://h/?a=1', 'http://h/?a=2', 'http://u:p@h/?a=2'));
    const storage = { driverName: 'inmemory', probe: () => Promise.resolve() };
    const names = healthChecks(config.health, storage).map(({ name }) => name);
    expect(new Set(names).size).toBe(3);
  });

  test('that are the same are told without their secrets', () => {
    const uri = 'http://user:hunter2@h/?token=geheim';
    expect(faultsOf(health(uri, uri))).toEqual([
      'health.http[1].uri (line 3): "http://***@h/?***" Check already exists',
    ]);
  });
});
