// The rows of the table of typed sections, and what happens to values after they are read.
import { describe, expect, test } from 'vitest';
import { faultsOf, loaded, minimal, warningsOf } from '../../support/config.ts';

describe('a file with nothing but a driver has every default', () => {
  test('of the documented sections', () => {
    const config = loaded(minimal);
    expect(config).toMatchObject({
      log: {
        level: 'info',
        formatter: 'text',
        fields: {},
        reportcaller: false,
        hooks: [],
        accesslog: { disabled: false },
      },
      auth: {},
      middleware: { registry: [], repository: [], storage: [] },
      http: {
        net: 'tcp',
        relativeurls: false,
        headers: {},
        http2: { disabled: false },
        h2c: { enabled: false },
        debug: { prometheus: { enabled: false, path: '/metrics' } },
        tls: { minimumtls: 'tls1.2', clientcas: [] },
      },
      notifications: { events: { includereferences: false }, endpoints: [] },
      health: {
        storagedriver: { enabled: false, interval: 10_000, threshold: 0 },
        file: [],
        http: [],
        tcp: [],
      },
      proxy: { ttl: 604_800_000, cachewritetimeout: 300_000 },
      validation: { disabled: false, manifests: { indexes: { platforms: 'all' } } },
      policy: { repository: { classes: [] } },
      catalog: { maxentries: 1000 },
      tags: { maxtags: 1000 },
    });
    expect(config.http.draintimeout).toBeUndefined();
    expect(config).not.toHaveProperty('loglevel');
  });

  test('of the added keys', () => {
    const { http, workers, notifications } = loaded(minimal);
    expect(http).toMatchObject({ frontend: 'auto', processes: 1 });
    expect(http.limits).toEqual({
      headerbytes: 32_768,
      headertimeout: 60_000,
      idletimeout: 75_000,
      noprogresstimeout: 600_000,
      maxconnections: 10_000,
      bodybuffers: 128,
    });
    expect(workers).toEqual({
      count: 0,
      queue: 1024,
      inflightbytes: 67_108_864,
      smallbody: 131_072,
    });
    expect(notifications.spool).toEqual({
      enabled: true,
      maxevents: 100_000,
      maxbytes: 268_435_456,
    });
  });
});

describe('log', () => {
  test.each(['debug', 'DEBUG', 'Debug'])('level %s in any case', (level) => {
    expect(loaded(`${minimal}log:\n  level: ${level}\n`).log.level).toBe('debug');
  });

  test('an unknown level is a fault', () => {
    expect(faultsOf(`${minimal}log:\n  level: warning\n`)).toEqual([
      'log.level (line 4): "warning" must be one of [error, warn, info, debug]',
    ]);
  });

  test('the deprecated loglevel counts when log.level is absent', () => {
    const text = `${minimal}loglevel: debug\n`;
    expect(loaded(text).log.level).toBe('debug');
    expect(warningsOf(text)).toEqual(['loglevel (line 3): deprecated: use log.level']);
  });

  test('log.level wins over loglevel', () => {
    expect(loaded(`${minimal}loglevel: debug\nlog:\n  level: error\n`).log.level).toBe('error');
  });

  test('an unknown formatter is a fault', () => {
    expect(faultsOf(`${minimal}log:\n  formatter: xml\n`)).toEqual([
      'log.formatter (line 4): "xml" must be one of [text, json, logstash]',
    ]);
  });

  test('a mail hook needs a server, a sender and a recipient, unless it is disabled', () => {
    const hook = `${minimal}log:\n  hooks:\n    - type: mail\n      levels: [Panic]\n`;
    expect(faultsOf(hook)).toEqual([
      'log.hooks[0].options.smtp.addr (line 5): "" must be HOST:PORT of the mail server',
      'log.hooks[0].options.from (line 5): is required for a mail hook',
      'log.hooks[0].options.to (line 5): is required for a mail hook',
    ]);
    expect(loaded(`${hook}      disabled: true\n`).log.hooks[0]?.levels).toEqual(['panic']);
  });

  test('a hook of another type is a fault', () => {
    expect(faultsOf(`${minimal}log:\n  hooks:\n    - {type: pager, disabled: true}\n`)).toEqual([
      'log.hooks[0].type (line 5): "pager" must be one of [mail]',
    ]);
  });
});

describe('catalog and tags', () => {
  test.each(['0', '-5'])('catalog.maxentries %s is 1000', (value) => {
    expect(loaded(`${minimal}catalog:\n  maxentries: ${value}\n`).catalog.maxentries).toBe(1000);
  });

  test('tags.maxtags 0 is 1000', () => {
    expect(loaded(`${minimal}tags:\n  maxtags: 0\n`).tags.maxtags).toBe(1000);
  });

  test('a negative tags.maxtags is a fault', () => {
    expect(faultsOf(`${minimal}tags:\n  maxtags: -1\n`)).toEqual([
      'tags.maxtags (line 4): "-1" maxtags limit must be a non-negative integer value',
    ]);
  });
});

describe('notifications', () => {
  const endpoint = (lines: string): string =>
    `${minimal}notifications:\n  endpoints:\n    - name: a\n      url: http://u/\n${lines}`;

  test('zero and negative values are the defaults', () => {
    const text = endpoint('      timeout: 0\n      threshold: -1\n      backoff: -1s\n');
    expect(loaded(text).notifications.endpoints[0]).toMatchObject({
      timeout: 1000,
      threshold: 10,
      backoff: 1000,
    });
  });

  test('headers are lists of secrets', () => {
    const text = endpoint('      headers: {Authorization: [Bearer x]}\n');
    const headers = loaded(text).notifications.endpoints[0]?.headers['Authorization'];
    expect(headers?.map((value) => value.reveal())).toEqual(['Bearer x']);
  });

  test('the url is required unless the endpoint is disabled', () => {
    const text = `${minimal}notifications:\n  endpoints:\n    - name: a\n`;
    expect(faultsOf(text)).toEqual([
      'notifications.endpoints[0].url (line 5): is required unless the endpoint is disabled',
    ]);
    expect(loaded(`${text}      disabled: true\n`).notifications.endpoints).toHaveLength(1);
  });

  test('a url that is not http is a fault', () => {
    expect(faultsOf(endpoint('').replace('http://u/', 'ftp://u/'))).toEqual([
      'notifications.endpoints[0].url (line 6): "ftp://u/" must be an http or https URL',
    ]);
  });

  test('an unknown action to ignore is a warning', () => {
    expect(warningsOf(endpoint('      ignore: {actions: [pul]}\n'))).toEqual([
      'notifications.endpoints[0].ignore.actions[0] (line 7): "pul" no such action, ignores nothing; known are [pull, push, mount, delete]; did you mean pull?',
    ]);
  });

  test('a header name that no request can carry is a fault', () => {
    expect(faultsOf(endpoint('      headers: {"a b": [x]}\n'))).toEqual([
      'notifications.endpoints[0].headers.a b (line 7): is not a valid header name',
    ]);
  });
});

describe('health', () => {
  test('a negative interval is a fault, zero is the default', () => {
    expect(faultsOf(`${minimal}health:\n  storagedriver: {interval: -1s}\n`)).toEqual([
      'health.storagedriver.interval (line 4): "-1s" must not be negative',
    ]);
    const text = `${minimal}health:\n  tcp:\n    - {addr: "a:1", interval: 0}\n`;
    expect(loaded(text).health.tcp[0]?.interval).toBe(10_000);
  });

  test('two checks of one name are a fault', () => {
    const text = `${minimal}health:\n  http:\n    - uri: http://a/\n    - uri: http://a/\n`;
    expect(faultsOf(text)).toEqual([
      'health.http[1].uri (line 6): "http://a/" Check already exists',
    ]);
  });

  test('each kind needs what it checks', () => {
    const text = `${minimal}health:\n  file: [{}]\n  http: [{}]\n  tcp: [{}]\n`;
    expect(faultsOf(text)).toEqual([
      'health.file[0].file (line 4): is required',
      'health.http[0].uri (line 5): is required',
      'health.tcp[0].addr (line 6): is required',
    ]);
  });

  test('a tcp check needs a port', () => {
    expect(faultsOf(`${minimal}health:\n  tcp: [{addr: localhost}]\n`)).toEqual([
      'health.tcp[0].addr (line 4): "localhost" must be HOST:PORT',
    ]);
  });
});

describe('validation', () => {
  test.each([
    ['{}', false],
    ['{disabled: true}', true],
    ['{enabled: true}', false],
    ['{enabled: false}', false],
    ['{enabled: true, disabled: true}', false],
    ['{enabled: false, disabled: true}', true],
  ])('%s makes disabled %s', (text, isDisabled) => {
    expect(loaded(`${minimal}validation: ${text}\n`).validation.disabled).toBe(isDisabled);
  });

  test('enabled is deprecated', () => {
    expect(warningsOf(`${minimal}validation: {enabled: true}\n`)).toEqual([
      'validation.enabled (line 3): deprecated: use validation.disabled',
    ]);
  });

  test('patterns are Go’s: inline flags are fine, a bad one is a fault', () => {
    const text = `${minimal}validation:
  manifests:
    urls:
      allow: ["(?i)^https://EXAMPLE"]
      deny: ["(", "(?=x)"]
`;
    expect(faultsOf(text)).toEqual([
      'validation.manifests.urls.deny[0] (line 7): "(" error parsing regexp: missing closing ): `(`',
      'validation.manifests.urls.deny[1] (line 7): "(?=x)" error parsing regexp: invalid or unsupported Perl syntax: `(?=`',
    ]);
  });

  test.each(['List', 'LIST', 'list'])('platforms %s in any case', (value) => {
    const text = `${minimal}validation: {manifests: {indexes: {platforms: ${value}, platformlist: [{os: linux}]}}}\n`;
    expect(loaded(text).validation.manifests.indexes).toEqual({
      platforms: 'list',
      platformlist: [{ os: 'linux', architecture: '' }],
    });
  });

  test('an unknown platforms option is a fault', () => {
    expect(faultsOf(`${minimal}validation: {manifests: {indexes: {platforms: some}}}\n`)).toEqual([
      'validation.manifests.indexes.platforms (line 3): "some" must be one of [all, none, list]',
    ]);
  });

  test('a platformlist without platforms: list is a warning', () => {
    const text = `${minimal}validation: {manifests: {indexes: {platformlist: [{os: linux}]}}}\n`;
    expect(warningsOf(text)).toEqual([
      'validation.manifests.indexes.platformlist (line 3): has no effect unless platforms is list',
    ]);
  });
});

describe('proxy', () => {
  test.each([
    ['ttl: 0', 'ttl', 0],
    ['ttl: -1h', 'ttl', -3_600_000],
    ['cachewritetimeout: 0', 'cachewritetimeout', 300_000],
    ['cachewritetimeout: -1s', 'cachewritetimeout', 300_000],
  ] as const)('%s', (line, key, value) => {
    expect(loaded(`${minimal}proxy:\n  ${line}\n`).proxy[key]).toBe(value);
  });

  test('credentials without a remote registry are a warning', () => {
    expect(warningsOf(`${minimal}proxy:\n  password: x\n`)).toEqual([
      'proxy.password (line 4): has no effect without proxy.remoteurl',
    ]);
  });

  test('a remote registry is refused until pull-through is built, and checked', () => {
    expect(faultsOf(`${minimal}proxy:\n  remoteurl: registry-1.docker.io\n`)).toEqual([
      'proxy.remoteurl (line 4): "registry-1.docker.io" must be an http or https URL',
      'proxy.remoteurl (line 4): pull-through caching is not part of this version: remove the proxy section',
    ]);
  });
});

describe('redis', () => {
  test('zero means the default, negative means off', () => {
    const text = `${minimal}redis: {dialtimeout: 0, readtimeout: -1, maxretries: 0, poolsize: 0}\n`;
    expect(loaded(text).redis).toMatchObject({ dialtimeout: 5000, maxretries: 3, poolsize: 0 });
    expect(loaded(text).redis.readtimeout).toBeLessThan(0);
  });

  test('options of a connection pool are warned about: there is none', () => {
    expect(warningsOf(`${minimal}redis:\n  poolsize: 5\n  routebylatency: true\n`)).toEqual([
      'redis.poolsize (line 4): has no effect: one connection carries all commands',
      'redis.routebylatency (line 5): has no effect: use routerandomly or readonly',
    ]);
  });

  test('an address without a port is a fault', () => {
    expect(faultsOf(`${minimal}redis:\n  addrs: [host]\n`)).toEqual([
      'redis.addrs[0] (line 4): "host" must be HOST:PORT, or the one path of a socket',
    ]);
  });

  test('the section alone is a warning', () => {
    expect(warningsOf(`${minimal}redis:\n  addrs: [a:1]\n`)).toEqual([
      'redis (line 3): nothing uses redis: set storage.cache.blobdescriptor to redis',
    ]);
  });

  test('the keys of version 2 are unknown', () => {
    expect(warningsOf(`${minimal}redis:\n  addr: a:1\n  pool: {maxidle: 1}\n`)).toEqual([
      'redis.addr (line 4): unknown key, ignored; did you mean addrs?',
      'redis.pool (line 5): unknown key, ignored',
    ]);
  });

  test('a client certificate without its key is a warning', () => {
    expect(warningsOf(`${minimal}redis:\n  tls: {certificate: /c}\n`)).toEqual([
      'redis.tls.certificate (line 4): certificate and key go together; no client certificate is used',
    ]);
  });
});

describe('middleware', () => {
  const storage = (entry: string): string => `${minimal}middleware:\n  storage:\n    - ${entry}\n`;

  test.each(['registry', 'repository', 'storage'])(
    'an unknown %s middleware is a fault',
    (hook) => {
      expect(faultsOf(`${minimal}middleware:\n  ${hook}:\n    - {name: x}\n`)).toEqual([
        `middleware.${hook}[0].name (line 5): unable to configure ${hook} middleware (x): no ${hook} middleware registered with name: x`,
      ]);
    },
  );

  test('a disabled entry is skipped', () => {
    expect(loaded(storage('{name: x, disabled: true}')).middleware.storage).toHaveLength(1);
  });

  test('redirect needs a baseurl with scheme and host', () => {
    expect(faultsOf(storage('{name: redirect}'))).toContain(
      'middleware.storage[0].options.baseurl (line 5): is required',
    );
    expect(faultsOf(storage('{name: redirect, options: {baseurl: host}}'))).toContain(
      'middleware.storage[0].options.baseurl (line 5): "host" no scheme or host specified for redirect baseurl',
    );
  });

  test('cloudfront needs its key and regions', () => {
    const faults = faultsOf(
      storage('{name: cloudfront, options: {ipfilteredby: AWSregion, duration: 5x}}'),
    );
    const at = 'middleware.storage[0].options';
    expect(faults).toEqual([
      `${at}.baseurl (line 5): is required`,
      `${at}.privatekey (line 5): is required`,
      `${at}.keypairid (line 5): is required`,
      `${at}.duration (line 5): "5x" invalid duration: must be such as 20m or 3000s`,
      `${at}.awsregion (line 5): awsRegion is not defined`,
    ]);
  });

  test('a cloudfront duration without a unit is the default, with a warning', () => {
    const entry =
      '{name: cloudfront, options: {baseurl: "https://c/", privatekey: /k, keypairid: i, duration: 3000}}';
    expect(warningsOf(storage(entry))[0]).toBe(
      'middleware.storage[0].options.duration (line 5): "3000" needs a unit such as 20m; the default is used',
    );
  });

  test('an unknown hook is an unknown key', () => {
    expect(warningsOf(`${minimal}middleware:\n  blob: []\n`)).toEqual([
      'middleware.blob (line 4): unknown key, ignored',
    ]);
  });
});
