import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatFaults, formatNotice } from '../../../src/config/faults.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { printConfig } from '../../../src/config/print.ts';
import { faultsOf, load, loaded, minimal } from '../../support/config.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-config-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, 'config.yml');
  writeFileSync(path, text);
  return path;
}

describe('finding the file', () => {
  test('the argument wins over REGISTRY_CONFIGURATION_PATH', async () => {
    const env = { REGISTRY_CONFIGURATION_PATH: '/nowhere' };
    const result = await loadConfig({ path: file(minimal), env });
    expect(result.ok).toBe(true);
  });

  test('REGISTRY_CONFIGURATION_PATH is used without an argument', async () => {
    const result = await loadConfig({ env: { REGISTRY_CONFIGURATION_PATH: file(minimal) } });
    expect(result.ok).toBe(true);
  });

  test('without either the path is unspecified', async () => {
    const result = await loadConfig({ env: {} });
    expect(!result.ok && formatFaults(result)).toBe(
      'configuration error: configuration path unspecified',
    );
  });

  test.each([
    ['Latin-1', Buffer.from(`# h\xe9\n${minimal}`, 'latin1'), 1],
    ['Latin-1 below', Buffer.from(`${minimal}log: {fields: {a: h\xe9}}\n`, 'latin1'), 3],
    ['Latin-1 at the end', Buffer.from(`${minimal}# \xe9`, 'latin1'), 3],
    ['UTF-16', Buffer.from(`\ufeff${minimal}`, 'utf16le'), 1],
    ['half a character', Buffer.from(`${minimal}# €`).subarray(0, -1), 3],
  ])('a file in %s is refused with its line', async (_, bytes, line) => {
    const path = join(folder, 'config.yml');
    writeFileSync(path, bytes);
    const result = await loadConfig({ path, env: {} });
    expect(!result.ok && formatFaults(result)).toBe(
      `configuration error: error parsing ${path}: line ${line}: not valid UTF-8; save the file as UTF-8`,
    );
  });

  test('a byte order mark is no fault', async () => {
    expect((await loadConfig({ path: file(`\ufeff${minimal}`), env: {} })).ok).toBe(true);
  });

  test('a file that cannot be read is one line', async () => {
    const path = join(folder, 'missing.yml');
    const result = await loadConfig({ path, env: {} });
    const text = result.ok ? '' : formatFaults(result);
    expect(text).toContain(
      `configuration error: error parsing ${path}: cannot read the file: ENOENT`,
    );
    expect(text).not.toContain('\n');
  });
});

describe('faults', () => {
  const broken = `version: 0.1
storage:
  filesystem:
    maxthreads: many
log:
  level: loud
http:
  addr: nowhere
  relativeurls: "true"
tags:
  maxtags: -1
`;

  test('all are told at once, each with path, line, value and what is allowed', () => {
    const result = load(broken, { REGISTRY_HTTP_NET: 'udp' });
    expect(!result.ok && formatFaults(result).split('\n')).toEqual([
      'configuration error: error parsing config.yml: 6 faults',
      '  log.level (line 6): "loud" must be one of [error, warn, info, debug]',
      '  storage.filesystem.maxthreads (line 4): "many" must be a whole number',
      '  http.net (REGISTRY_HTTP_NET): "udp" must be one of [tcp, unix]',
      '  http.relativeurls (line 9): "true" must be true or false, without quotes',
      '  http.addr (line 8): "nowhere" must be HOST:PORT, for example :5000',
      '  tags.maxtags (line 11): "-1" maxtags limit must be a non-negative integer value',
    ]);
  });

  test('a single one is one line', () => {
    const result = load('version: 0.2\nstorage: inmemory\n');
    expect(!result.ok && formatFaults(result)).toBe(
      'configuration error: error parsing config.yml: version (line 1): unsupported version: "0.2"; the only one is 0.1',
    );
  });

  test('warnings follow, since one of them may be the reason', () => {
    const one = load('version: 0.1\nstorge: inmemory\n');
    expect(!one.ok && formatFaults(one).split('\n')).toEqual([
      'configuration error: error parsing config.yml: storage: no storage configuration provided',
      '  warning: storge (line 2): unknown key, ignored; did you mean storage?',
    ]);
    const two = load('storge: inmemory\n');
    expect(!two.ok && formatFaults(two).split('\n')).toEqual([
      'configuration error: error parsing config.yml: 2 faults',
      '  version: unsupported version: ""; the only one is 0.1',
      '  storage: no storage configuration provided',
      '  warning: storge (line 1): unknown key, ignored; did you mean storage?',
    ]);
    const strict = load('storge: inmemory\n', {}, true);
    expect(!strict.ok && formatFaults(strict)).toContain('config.yml: 3 faults\n');
  });

  test('strict turns warnings into faults', () => {
    const text = `${minimal}htp: {}\n`;
    expect(load(text).ok).toBe(true);
    expect(faultsOf(text, {}, true)).toEqual([
      'htp (line 3): unknown key, ignored; did you mean http?',
    ]);
    expect(faultsOf(minimal, { REGISTRY_HTPP_ADDR: ':1' }, true)).toHaveLength(1);
  });

  test('values that are secret or hold a password are masked', () => {
    expect(faultsOf(`${minimal}http:\n  secret: [hunter2]\n`).join()).not.toContain('hunter2');
    const url = `${minimal}notifications:\n  endpoints:\n    - url: ftp://user:hunter2@host/\n`;
    expect(faultsOf(url)).toEqual([
      'notifications.endpoints[0].url (line 5): "ftp://***@host/" must be an http or https URL',
    ]);
    const header = `${minimal}notifications:\n  endpoints:\n    - url: http://u/\n      headers: {Authorization: hunter2}\n`;
    expect(faultsOf(header)).toEqual([
      'notifications.endpoints[0].headers.Authorization (line 6): "***" must be a list, for example [a, b], not a value',
    ]);
  });
});

describe('the result', () => {
  test('cannot be changed', () => {
    const config = loaded(minimal) as unknown as { http: { limits: { headerbytes: number } } };
    expect(() => {
      config.http.limits.headerbytes = 1;
    }).toThrow(TypeError);
  });

  test('one load does not leak into the next', () => {
    loaded(`${minimal}redis:\n  dialtimeout: 1s\ncatalog: {maxentries: 5}\n`, {
      REGISTRY_REDIS_ADDRS_0: 'a:1',
    });
    expect(loaded(minimal).redis).toMatchObject({ addrs: [], dialtimeout: 5000 });
  });

  test('knows where each value came from', () => {
    const result = load(`${minimal}http:\n  addr: :5000\nloglevel: debug\n`, {
      REGISTRY_HTTP_NET: 'tcp',
    });
    expect(result.ok && result.origins.get('http.addr')).toEqual({ kind: 'file', line: 4 });
    expect(result.ok && result.origins.get('http.net')).toEqual({
      kind: 'variable',
      name: 'REGISTRY_HTTP_NET',
    });
    expect(result.ok && result.origins.get('http.relativeurls')).toEqual({ kind: 'default' });
    expect(result.ok && result.origins.get('log.level')).toEqual({ kind: 'file', line: 5 });
  });

  test('shows no secret however it is printed', () => {
    const config = loaded(`${minimal}http:\n  secret: hunter2\n`);
    expect(config.http.secret?.reveal()).toBe('hunter2');
    for (const text of [
      JSON.stringify(config),
      inspect(config, { depth: 9 }),
      `${config.http.secret}`,
    ]) {
      expect(text).toContain('***');
      expect(text).not.toContain('hunter2');
    }
  });
});

describe('of a URL', () => {
  const urls = [
    'http://u:pa@hunter2@127.0.0.1:9/e',
    'https://hunter2@host/',
    'http://host/e?token=hunter2',
    'http://host/#hunter2',
    'http://u:pa/hunter2@host/',
    'ftp://u:hunter2@host/',
    'u:hunter2@host:9',
    '//u:hunter2@host/',
  ];
  const places = {
    'an endpoint': 'notifications: {endpoints: [{url: "URL"}]}',
    'a disabled endpoint': 'notifications: {endpoints: [{url: "URL", disabled: true}]}',
    'a name': 'notifications: {endpoints: [{url: "http://h/", name: "URL"}]}',
    'a health check': 'health: {http: [{uri: "URL"}, {uri: "URL"}]}',
    'an address': 'health: {tcp: [{addr: "URL"}]}\nredis: {addrs: ["URL"]}',
    'a mail server':
      'log: {hooks: [{type: mail, levels: [error], options: {smtp: {addr: "URL"}}}]}',
    'the own host': 'http: {host: "URL"}',
    'a header': 'http: {headers: {Link: ["URL"]}}',
    'a cache': 'storage: {inmemory: , cache: {blobdescriptor: "URL"}}',
    S3: 'storage: {s3: {bucket: b, regionendpoint: "URL", loglevel: "URL"}}',
    'a redirect endpoint':
      'storage: {s3: {bucket: b, regionendpoint: "http://s3/", redirectendpoint: "URL"}}',
    'a middleware':
      'middleware: {storage: [{name: redirect, options: {baseurl: "URL"}}, {name: cloudfront, options: {baseurl: "URL", privatekey: f, keypairid: k, iprangesurl: "URL"}}]}',
    'token authentication':
      'auth: {token: {realm: "URL", service: s, issuer: i, jwks: f, autoredirectpath: "URL"}}',
    'an ACME server': 'http: {tls: {letsencrypt: {cachefile: d, directoryurl: "URL"}}}',
    'a free field': 'log: {fields: {a: "URL", b: ["URL"], c: {d: "URL"}}}',
    'a number': 'tags: {maxtags: "URL"}\nproxy: {ttl: "URL"}\nlog: {level: "URL"}',
  };

  test.each(Object.entries(places))('%s shows no secret', (_, place) => {
    for (const url of urls) {
      const result = load(`${minimal}${place.replaceAll('URL', url)}\n`);
      const printed = result.ok ? [printConfig(result.config, result.origins)] : [];
      const notices = [...(result.ok ? [] : result.faults), ...result.warnings].map(formatNotice);
      const shown = [...printed, ...notices].join('\n');
      expect(shown).toContain('***');
      expect(shown).not.toContain('hunter2');
    }
  });
});

describe('printing', () => {
  const text = `version: 0.1
storage:
  filesystem:
    rootdirectory: /data
  maintenance:
    uploadpurging: {enabled: true, age: 36h, interval: 90s, dryrun: no}
log:
  fields: {password: hunter2, note: "yes", deep: {token: hunter2, n: 1}}
http:
  addr: 0.0.0.0:5000
  secret: hunter2
  headers:
    X-A: [one, "two, three"]
    X-Token: [shown]
notifications:
  endpoints:
    - name: first
      url: https://user:hunter2@host/
      headers: {Authorization: [Bearer hunter2]}
    - name: second
      url: http://host/
`;

  function printed(env = {}): string {
    const result = load(text, env);
    return result.ok ? printConfig(result.config, result.origins) : formatFaults(result);
  }

  test('each value has its origin beside it', () => {
    const lines = printed({
      REGISTRY_HTTP_NET: 'tcp',
      REGISTRY_STORAGE_DELETE_ENABLED: 'true',
    }).split('\n');
    for (const line of [
      '    rootdirectory: /data  # line 4',
      '    maxthreads: 100  # default',
      '      age: 36h0m0s  # line 6',
      '      interval: 1m30s  # line 6',
      '    enabled: true  # REGISTRY_STORAGE_DELETE_ENABLED',
      '  net: tcp  # REGISTRY_HTTP_NET',
      '    X-A: [one, "two, three"]  # line 13',
      '    - name: first  # line 17',
      '    note: "yes"  # line 8',
      '    X-Token: [shown]  # line 14',
    ]) {
      expect(lines).toContain(line);
    }
  });

  test('secrets are masked wherever they are', () => {
    expect(printed()).not.toContain('hunter2');
    expect(printed().match(/\*\*\*/g)).toHaveLength(5);
  });

  test('patterns for URLs are printed as they are', () => {
    const allow = ['^https?://x/a?$', 'https://x/(a|b)?', 'https://[^@]*@x/'];
    const result = load(
      `${minimal}validation: {manifests: {urls: {allow: ${JSON.stringify(allow)}}}}\n`,
    );
    const again = loaded(result.ok ? printConfig(result.config, result.origins) : '');
    expect(again.validation.manifests.urls.allow).toEqual(allow);
  });

  test('what is printed loads again to the same', () => {
    const again = loaded(printed());
    const first = loaded(text);
    const shown = (config: typeof first): unknown =>
      JSON.parse(JSON.stringify({ ...config, log: 0, notifications: 0 }));
    expect(shown(again)).toEqual(shown(first));
    expect(again.notifications.endpoints.map(({ name }) => name)).toEqual(['first', 'second']);
    expect(again.log.fields['note']).toBe('yes');
  });
});
