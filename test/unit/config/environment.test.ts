// The rows of the environment tables: how names are walked, which names differ from the keys, and the examples.
import { describe, expect, test } from 'vitest';
import {
  faultsOf,
  load,
  loaded,
  minimal,
  type Variables,
  warningsOf,
} from '../../support/config.ts';

const filesystem = `version: 0.1
storage:
  filesystem:
    rootdirectory: /var/lib/registry
  delete:
    enabled: true
  cache:
    blobdescriptor: inmemory
http:
  addr: :5000
  headers:
    X-Foo: [yaml]
`;

describe('storage', () => {
  test('REGISTRY_STORAGE=inmemory replaces the whole section', () => {
    const { storage } = loaded(filesystem, { REGISTRY_STORAGE: 'inmemory' });
    expect(storage.inmemory).toEqual({});
    expect(storage.filesystem).toBeUndefined();
    expect(storage.delete.enabled).toBe(false);
    expect(storage.cache.blobdescriptor).toBeUndefined();
  });

  test('REGISTRY_STORAGE={…} replaces the whole section by that map', () => {
    const { storage } = loaded(filesystem, {
      REGISTRY_STORAGE: '{s3: {bucket: b, region: us-east-1}, delete: {enabled: true}}',
    });
    expect(storage.s3).toMatchObject({ bucket: 'b', region: 'us-east-1' });
    expect(storage.filesystem).toBeUndefined();
    expect(storage.delete.enabled).toBe(true);
  });

  test('REGISTRY_STORAGE=s3 with its parameters is s3', () => {
    const { storage } = loaded(filesystem, {
      REGISTRY_STORAGE_S3_REGION: 'us-east-1',
      REGISTRY_STORAGE_S3_BUCKET: 'b',
      REGISTRY_STORAGE: 's3',
    });
    expect(storage.s3).toMatchObject({ bucket: 'b', region: 'us-east-1' });
    expect(storage.filesystem).toBeUndefined();
  });

  test('S3 parameters beside a filesystem in the file are two drivers', () => {
    const [fault] = faultsOf(filesystem, {
      REGISTRY_STORAGE_S3_BUCKET: 'b',
      REGISTRY_STORAGE_S3_REGION: 'us-east-1',
    });
    expect(fault).toContain('must provide exactly one storage type. Provided: [filesystem s3]');
    expect(fault).toContain('multiple storage drivers specified in configuration or environment');
    expect(fault).toContain('REGISTRY_STORAGE=<driver> replaces the section');
  });

  test('REGISTRY_STORAGE= leaves no driver', () => {
    expect(faultsOf(filesystem, { REGISTRY_STORAGE: '' })).toEqual([
      'storage: no storage configuration provided',
    ]);
  });

  test.each(['', '{}'])(
    'REGISTRY_STORAGE_INMEMORY=%s chooses it in a file without storage',
    (value) => {
      const { storage } = loaded('version: 0.1\n', { REGISTRY_STORAGE_INMEMORY: value });
      expect(storage.inmemory).toEqual({});
    },
  );

  test('REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY sets that one parameter', () => {
    const { storage } = loaded(filesystem, { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/x' });
    expect(storage.filesystem?.rootdirectory).toBe('/x');
    expect(storage.delete.enabled).toBe(true);
  });

  test('REGISTRY_STORAGE_DELETE_ENABLED creates the section', () => {
    const { storage } = loaded(minimal, { REGISTRY_STORAGE_DELETE_ENABLED: 'true' });
    expect(storage.delete.enabled).toBe(true);
    expect(storage.inmemory).toEqual({});
  });

  test('the alias s3aws works by variables too', () => {
    const { storage } = loaded('version: 0.1\n', {
      REGISTRY_STORAGE_S3AWS_BUCKET: 'b',
      REGISTRY_STORAGE_S3AWS_REGION: 'eu-west-1',
    });
    expect(storage.s3?.bucket).toBe('b');
  });

  test('values of driver parameters may be any scalar', () => {
    const { storage } = loaded('version: 0.1\n', {
      REGISTRY_STORAGE: 's3',
      REGISTRY_STORAGE_S3_BUCKET: '12345',
      REGISTRY_STORAGE_S3_REGIONENDPOINT: 'http://localhost:9000',
      REGISTRY_STORAGE_S3_FORCEPATHSTYLE: '"true"',
      REGISTRY_STORAGE_S3_CHUNKSIZE: '"10485760"',
      REGISTRY_STORAGE_S3_SECURE: 'false',
    });
    expect(storage.s3).toMatchObject({
      bucket: '12345',
      forcepathstyle: true,
      chunksize: 10_485_760,
      secure: false,
    });
  });
});

describe('maintenance (mended: plain names work)', () => {
  test.each([
    [{ REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: 'true' }],
    [{ REGISTRY_STORAGE_MAINTENANCE_READONLY: '{enabled: true}' }],
    [{ REGISTRY_STORAGE_MAINTENANCE: '{readonly: {enabled: true}}' }],
  ] as readonly (readonly [Variables])[])('read-only by %j', (env) => {
    expect(loaded(minimal, env).storage.maintenance.readonly.enabled).toBe(true);
    const given = `${minimal.replace('inmemory', '{inmemory: {}, maintenance: {readonly: {enabled: false}}}')}`;
    expect(loaded(given, env).storage.maintenance.readonly.enabled).toBe(true);
  });

  test('upload purging is switched off by its plain name', () => {
    const env = { REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED: 'false' };
    expect(loaded(minimal, env).storage.maintenance.uploadpurging.enabled).toBe(false);
  });
});

describe('auth', () => {
  const htpasswd = { REGISTRY_AUTH_HTPASSWD_REALM: 'r', REGISTRY_AUTH_HTPASSWD_PATH: '/p' };

  test.each([[{ REGISTRY_AUTH: 'htpasswd', ...htpasswd }], [htpasswd]])('htpasswd by %j', (env) => {
    expect(loaded(minimal, env).auth.htpasswd).toMatchObject({ realm: 'r', path: '/p' });
  });

  test('REGISTRY_AUTH replaces another provider of the file', () => {
    const text = `${minimal}auth:\n  silly: {realm: a, service: b}\n`;
    expect(loaded(text, { REGISTRY_AUTH: 'htpasswd', ...htpasswd }).auth.silly).toBeUndefined();
  });

  test('without it two providers are a fault', () => {
    const text = `${minimal}auth:\n  silly: {realm: a, service: b}\n`;
    expect(faultsOf(text, htpasswd)).toEqual([
      'auth (line 3): must provide exactly one type. Provided: [htpasswd silly]',
    ]);
  });

  const token = {
    REGISTRY_AUTH_TOKEN_REALM: 'https://r/',
    REGISTRY_AUTH_TOKEN_SERVICE: 's',
    REGISTRY_AUTH_TOKEN_ISSUER: 'i',
    REGISTRY_AUTH_TOKEN_JWKS: '/jwks',
  };

  test.each([
    [{ REGISTRY_AUTH_TOKEN_SIGNINGALGORITHMS: '[RS256]' }],
    [{ REGISTRY_AUTH_TOKEN_SIGNINGALGORITHMS_0: 'RS256' }],
  ])('signing algorithms by %j', (env) => {
    expect(loaded(minimal, { ...token, ...env }).auth.token?.signingalgorithms).toEqual(['RS256']);
  });
});

describe('http headers', () => {
  test('REGISTRY_HTTP_HEADERS replaces the map', () => {
    const { headers } = loaded(filesystem, { REGISTRY_HTTP_HEADERS: '{X-Bar: [a]}' }).http;
    expect(headers).toEqual({ 'X-Bar': ['a'] });
  });

  test('REGISTRY_HTTP_HEADERS_X-FOO adds a lower-case key and leaves the other', () => {
    const { headers } = loaded(filesystem, { 'REGISTRY_HTTP_HEADERS_X-FOO': '[a]' }).http;
    expect(headers).toEqual({ 'X-Foo': ['yaml'], 'x-foo': ['a'] });
  });

  test('with an index the existing key of any case is used', () => {
    const { headers } = loaded(filesystem, { 'REGISTRY_HTTP_HEADERS_X-FOO_1': 'a' }).http;
    expect(headers).toEqual({ 'X-Foo': ['yaml', 'a'] });
  });
});

describe('lists', () => {
  test.each([
    [{ REGISTRY_REDIS_ADDRS: '[a:1, b:2]' }],
    [{ REGISTRY_REDIS_ADDRS_0: 'a:1', REGISTRY_REDIS_ADDRS_1: 'b:2' }],
    [{ REGISTRY_REDIS_OPTIONS_ADDRS: '[a:1, b:2]' }],
  ] as readonly (readonly [Variables])[])('%j', (env) => {
    expect(loaded(minimal, env).redis.addrs).toEqual(['a:1', 'b:2']);
  });

  test('an element replaces the one of the file', () => {
    const text = `${minimal}redis:\n  addrs: [x:1, y:2]\n`;
    expect(loaded(text, { REGISTRY_REDIS_ADDRS_1: 'z:3' }).redis.addrs).toEqual(['x:1', 'z:3']);
  });

  test('an endpoint is appended and then edited', () => {
    const { endpoints } = loaded(minimal, {
      REGISTRY_NOTIFICATIONS_ENDPOINTS_0_NAME: 'n',
      REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL: 'http://u/',
      REGISTRY_NOTIFICATIONS_ENDPOINTS_0_TIMEOUT: '3s',
    }).notifications;
    expect(endpoints).toMatchObject([{ name: 'n', url: 'http://u/', timeout: 3000 }]);
  });

  test('an endpoint is assigned whole (mended)', () => {
    const { endpoints } = loaded(minimal, {
      REGISTRY_NOTIFICATIONS_ENDPOINTS_0: '{name: x, url: "http://u/"}',
    }).notifications;
    expect(endpoints).toMatchObject([{ name: 'x', url: 'http://u/' }]);
  });

  test('a middleware is appended to those of the file (mended)', () => {
    const text = `${minimal}middleware:\n  storage:\n    - {name: redirect, disabled: true}\n`;
    const { storage } = loaded(text, {
      REGISTRY_MIDDLEWARE_STORAGE_1_NAME: 'rewrite',
      REGISTRY_MIDDLEWARE_STORAGE_1_DISABLED: 'true',
      REGISTRY_MIDDLEWARE_STORAGE_1_OPTIONS_HOST: 'h',
    }).middleware;
    expect(storage).toMatchObject([
      { name: 'redirect' },
      { name: 'rewrite', options: { host: 'h' } },
    ]);
  });

  test('a middleware is made from scratch', () => {
    const { storage } = loaded(minimal, {
      REGISTRY_MIDDLEWARE_STORAGE_0_NAME: 'redirect',
      REGISTRY_MIDDLEWARE_STORAGE_0_DISABLED: 'true',
    }).middleware;
    expect(storage).toMatchObject([{ name: 'redirect' }]);
  });

  test('let’s encrypt hosts by index (mended)', () => {
    const { letsencrypt } = loaded(minimal, {
      REGISTRY_HTTP_TLS_LETSENCRYPT_CACHEFILE: '/cache',
      REGISTRY_HTTP_TLS_LETSENCRYPT_HOSTS_0: 'x.example.com',
    }).http.tls;
    expect(letsencrypt).toMatchObject({ cachefile: '/cache', hosts: ['x.example.com'] });
  });

  test('an index that is no number is a fault', () => {
    expect(faultsOf(minimal, { REGISTRY_REDIS_ADDRS_X: 'a:1' })).toEqual([
      'redis.addrs: parsing environment variable REGISTRY_REDIS_ADDRS_X: non-numeric index: X',
    ]);
  });

  test('an index beyond the end is a fault', () => {
    expect(faultsOf(minimal, { REGISTRY_REDIS_ADDRS_1: 'a:1' })).toEqual([
      'redis.addrs: parsing environment variable REGISTRY_REDIS_ADDRS_1: undefined index: 1',
    ]);
  });
});

describe('names that differ from the key work in both spellings', () => {
  test.each(['EVENTS', 'EVENTCONFIG'])('notifications.events as %s', (part) => {
    const env = { [`REGISTRY_NOTIFICATIONS_${part}_INCLUDEREFERENCES`]: 'true' };
    expect(loaded(minimal, env).notifications.events.includereferences).toBe(true);
  });

  test.each(['FILE', 'FILECHECKERS'])('health.file as %s', (part) => {
    const env = { [`REGISTRY_HEALTH_${part}_0_FILE`]: '/f' };
    expect(loaded(minimal, env).health.file).toMatchObject([{ file: '/f', interval: 10_000 }]);
  });

  test.each(['HTTP', 'HTTPCHECKERS'])('health.http as %s', (part) => {
    const env = { [`REGISTRY_HEALTH_${part}_0_URI`]: 'http://u/' };
    expect(loaded(minimal, env).health.http).toMatchObject([{ uri: 'http://u/', statuscode: 200 }]);
  });

  test.each(['TCP', 'TCPCHECKERS'])('health.tcp as %s', (part) => {
    const env = { [`REGISTRY_HEALTH_${part}_0_ADDR`]: 'a:1' };
    expect(loaded(minimal, env).health.tcp).toMatchObject([{ addr: 'a:1', threshold: 0 }]);
  });

  test.each(['OPTIONS', 'MAILOPTIONS'])('log.hooks[].options as %s', (part) => {
    const env = {
      REGISTRY_LOG_HOOKS_0_DISABLED: 'true',
      [`REGISTRY_LOG_HOOKS_0_${part}_SMTP_ADDR`]: 'm:25',
    };
    expect(loaded(minimal, env).log.hooks[0]?.options.smtp.addr).toBe('m:25');
  });

  test.each(['REGISTRY_REDIS_DB', 'REGISTRY_REDIS_OPTIONS_DB'])('redis.db as %s', (name) => {
    expect(loaded(minimal, { [name]: '3' }).redis.db).toBe(3);
  });

  test.each(['MAX_RETRIES', 'COPY_STATUS_POLL_MAX_RETRY'])(
    'azure keys with underscores: %s',
    (part) => {
      const result = load('version: 0.1\n', {
        REGISTRY_STORAGE_AZURE_ACCOUNTNAME: 'a',
        REGISTRY_STORAGE_AZURE_CONTAINER: 'c',
        [`REGISTRY_STORAGE_AZURE_${part}`]: 'many',
      });
      expect(result.ok ? [] : result.faults.map(({ path }) => path)).toContain(
        `storage.azure.${part.toLowerCase()}`,
      );
    },
  );
});

describe('other rows', () => {
  test('an empty value clears the key', () => {
    expect(loaded(filesystem, { REGISTRY_HTTP_ADDR: '' }).http.addr).toBeUndefined();
  });

  test('sections that are absent are created', () => {
    const { proxy } = loaded(minimal, {
      REGISTRY_PROXY_EXEC_COMMAND: 'x',
      REGISTRY_PROXY_TTL: '5h',
    });
    expect(proxy).toMatchObject({ exec: { command: 'x' }, ttl: 18_000_000 });
  });

  test('REGISTRY_VERSION has no effect', () => {
    expect(loaded(minimal, { REGISTRY_VERSION: '0.2' }).version).toBe('0.1');
    expect(warningsOf(minimal, { REGISTRY_VERSION: '0.2' })).toEqual([]);
  });

  test('REGISTRY_CONFIGURATION_PATH does not warn', () => {
    expect(warningsOf(minimal, { REGISTRY_CONFIGURATION_PATH: '/c.yml' })).toEqual([]);
  });

  test('what Kubernetes sets for a service called registry does not warn', () => {
    const env = {
      REGISTRY_SERVICE_HOST: '10.0.0.1',
      REGISTRY_SERVICE_PORT: '5000',
      REGISTRY_SERVICE_PORT_HTTP: '5000',
      REGISTRY_PORT: 'tcp://10.0.0.1:5000',
      REGISTRY_PORT_5000_TCP: 'tcp://10.0.0.1:5000',
      REGISTRY_PORT_5000_TCP_ADDR: '10.0.0.1',
    };
    expect(warningsOf(minimal, env)).toEqual([]);
  });

  test('variables without the upper-case prefix are not ours', () => {
    expect(loaded(filesystem, { registry_http_addr: ':1', HTTP_ADDR: ':2' }).http.addr).toBe(
      ':5000',
    );
  });

  test('a type fault names the variable', () => {
    expect(faultsOf(minimal, { REGISTRY_HTTP_RELATIVEURLS: 'maybe' })).toEqual([
      'http.relativeurls (REGISTRY_HTTP_RELATIVEURLS): "maybe" must be true or false',
    ]);
  });

  test('a value that is no YAML is a fault that does not show it', () => {
    const faults = faultsOf(minimal, { REGISTRY_HTTP_SECRET: '[hunter2' });
    expect(faults).toEqual([
      'parsing environment variable REGISTRY_HTTP_SECRET: yaml: line 1, column 9: a bracket, quote, comma, colon or space is missing; put text in quotes',
    ]);
  });

  test.each([
    ['%hunter2', 'found unknown directive name; put text that begins with % in quotes'],
    ['%YAML 1.1', 'a directive (%) without a document'],
    ['%hunter2\n---\nx', 'found unknown directive name; put text that begins with % in quotes'],
    ['\u0007hunter2', 'control characters are not allowed'],
  ])('%j, which the parser would skip, is a fault', (value, message) => {
    expect(faultsOf(minimal, { REGISTRY_HTTP_SECRET: value })).toEqual([
      `parsing environment variable REGISTRY_HTTP_SECRET: yaml: line 1, column 1: ${message}`,
    ]);
  });

  test('bytes that are no UTF-8 are a fault', () => {
    expect(faultsOf(minimal, { REGISTRY_HTTP_SECRET: 'h\ufffdnter2' })).toEqual([
      'parsing environment variable REGISTRY_HTTP_SECRET: yaml: not valid UTF-8',
    ]);
  });

  test.each([
    ['#hunter2', 'is taken as empty: #, !, & and --- have a meaning in YAML; put text in quotes'],
    ['---', 'is taken as empty: #, !, & and --- have a meaning in YAML; put text in quotes'],
    ['!hunter2', 'yaml: a tag that is not known; put text that begins with ! in quotes'],
    ['&hunter2', 'yaml: an anchor without a value; put text that begins with & in quotes'],
    ['x #hunter2', 'is used in part: #, !, & and --- have a meaning in YAML; put text in quotes'],
    ['&hunter2 x', 'is used in part: #, !, & and --- have a meaning in YAML; put text in quotes'],
    ['!hunter2 x', 'yaml: a tag that is not known; put text that begins with ! in quotes'],
    ['x\n---\ny', 'is used in part: #, !, & and --- have a meaning in YAML; put text in quotes'],
  ])('%j, of which YAML leaves something out, is a warning', (value, message) => {
    const env = { REGISTRY_HTTP_SECRET: value };
    expect(warningsOf(minimal, env)).toEqual([`REGISTRY_HTTP_SECRET: ${message}`]);
    const { secret } = loaded(minimal, env).http;
    expect(secret?.reveal() ?? '').toBe(value.includes('x') ? 'x' : '');
  });

  test.each([
    '',
    ' ',
    '~',
    'null',
    'x',
    ' x ',
    'x\n',
    'two words',
    'two\n  lines',
    '"#x"',
    "'!x'",
    '"x" # why',
    'a#b',
    'a!b&c%d',
    '!!str x',
    '|\n  #x\n',
    'Ünïcode €',
  ])('%j is taken whole', (value) => {
    expect(warningsOf(minimal, { REGISTRY_HTTP_SECRET: value })).toEqual([]);
  });

  test('what a variable of another program holds is not looked at', () => {
    const env = { REGISTRY_XYZZYPLUGHS: '[', REGISTRY_HTTP_ADDR_PORT: '%' };
    expect(load(minimal, env).ok).toBe(true);
  });

  test('overrides are applied in the byte order of their names', () => {
    // "REGISTRY_LOG_FIELDS" sorts before "REGISTRY_LOG_FIELDS_B", however the process lists them.
    const env = { REGISTRY_LOG_FIELDS_B: 'two', REGISTRY_LOG_FIELDS: '{a: one}' };
    expect(loaded(minimal, env).log.fields).toEqual({ a: 'one', b: 'two' });
  });

  test('free-form maps nest as deep as the name goes (mended)', () => {
    const text = `${minimal}log:\n  fields:\n    outer: {inner: 1}\n`;
    expect(loaded(text, { REGISTRY_LOG_FIELDS_OUTER_MORE: '2' }).log.fields).toEqual({
      outer: { inner: 1, more: 2 },
    });
  });
});

describe('an override that matches nothing warns with the nearest', () => {
  test.each([
    ['REGISTRY_HTTP_ADR', 'REGISTRY_HTTP_ADDR'],
    ['REGISTRY_HTPP_ADDR', 'REGISTRY_HTTP_ADDR'],
    ['REGISTRY_http_addr', 'REGISTRY_HTTP_ADDR'],
    ['REGISTRY_STORAGE_S3_BUKET', 'REGISTRY_STORAGE_S3_BUCKET'],
    ['REGISTRY_STORAGE_FILESYSTEM_ROOT_DIRECTORY', 'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY'],
    ['REGISTRY_HTTP_RELATIVE_URLS', 'REGISTRY_HTTP_RELATIVEURLS'],
  ])('%s', (name, guess) => {
    expect(warningsOf(minimal, { [name]: 'x' })).toEqual([
      `Ignoring unrecognized environment variable ${name}; did you mean ${guess}?`,
    ]);
  });

  test('one unlike all others warns without a guess', () => {
    expect(warningsOf(minimal, { REGISTRY_XYZZYPLUGHS: '1' })).toEqual([
      'Ignoring unrecognized environment variable REGISTRY_XYZZYPLUGHS',
    ]);
  });

  test('one that goes below a single value warns', () => {
    expect(warningsOf(filesystem, { REGISTRY_HTTP_ADDR_PORT: '1' })).toEqual([
      'Ignoring environment variable REGISTRY_HTTP_ADDR_PORT: http.addr is a single value',
    ]);
  });

  test('an unknown driver is refused by its name', () => {
    expect(faultsOf('version: 0.1\n', { REGISTRY_STORAGE: 'swift' })).toEqual([
      'storage.swift (REGISTRY_STORAGE): StorageDriver not registered: swift',
    ]);
  });
});
