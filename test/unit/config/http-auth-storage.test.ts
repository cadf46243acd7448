// Rules over several keys of http, auth and storage.
import { describe, expect, test } from 'vitest';
import { faultsOf, loaded, minimal, warningsOf } from '../../support/config.ts';

const http = (lines: string): string => `${minimal}http: {${lines}}\n`;
const tls = (lines: string): string => http(`tls: {${lines}}`);
const storage = (lines: string): string => `version: 0.1\nstorage: {${lines}}\n`;
const auth = (lines: string): string => `${minimal}auth: {${lines}}\n`;

describe('http', () => {
  test.each([':5000', 'localhost:5000', '0.0.0.0:0', '"[::1]:5000"', 'registry.local:65535'])(
    'addr %s is fine',
    (addr) => {
      expect(loaded(http(`addr: ${addr}`)).http.addr).toBe(addr.replaceAll('"', ''));
    },
  );

  test.each(['5000', 'localhost', ':70000', '"::1:5000"', ':http'])(
    'addr %s is a fault',
    (addr) => {
      expect(faultsOf(http(`addr: ${addr}`))).toEqual([
        `http.addr (line 3): "${addr.replaceAll('"', '')}" must be HOST:PORT, for example :5000`,
      ]);
    },
  );

  test('a unix socket needs its path and takes any', () => {
    expect(loaded(http('net: unix, addr: /run/registry.sock')).http.addr).toBe(
      '/run/registry.sock',
    );
    expect(faultsOf(http('net: unix'))).toEqual([
      'http.addr (line 3): is required with net: unix: the path of the socket',
    ]);
  });

  test('an unknown net is a fault', () => {
    expect(faultsOf(http('net: udp'))).toEqual([
      'http.net (line 3): "udp" must be one of [tcp, unix]',
    ]);
  });

  test.each(['/', '/path/', '/a/b/'])('prefix %s is fine', (prefix) => {
    expect(loaded(http(`prefix: ${prefix}`)).http.prefix).toBe(prefix);
  });

  test.each(['path/', '/path', 'path'])('prefix %s is a fault', (prefix) => {
    expect(faultsOf(http(`prefix: ${prefix}`))[0]).toContain('must begin and end with a slash');
  });

  test('a host that is no URL is a fault, one without a scheme is a warning', () => {
    expect(faultsOf(http('host: "https://a b"'))[0]).toContain(
      'could not parse http "host" parameter',
    );
    expect(warningsOf(http('host: registry.example.com'))[0]).toContain('it needs a scheme');
  });

  test('metrics without a debug server are a warning', () => {
    expect(warningsOf(http('debug: {prometheus: {enabled: true}}'))).toEqual([
      'http.debug.prometheus.enabled (line 3): has no effect without http.debug.addr',
    ]);
  });

  test('response headers must be such as can be sent', () => {
    expect(faultsOf(http('headers: {"a:b": [x], ok: ["a\\nb"]}'))).toEqual([
      'http.headers.a:b (line 3): is not a valid header name',
      'http.headers.ok[0] (line 3): "a\\nb" holds characters that no header may',
    ]);
  });

  test.each([
    [
      'processes: -1',
      'http.processes (line 3): "-1" must be a number between 0 and 256 (inclusive)',
    ],
    [
      'limits: {headertimeout: 10ms}',
      'http.limits.headertimeout (line 3): "10ms" must be at least 1s',
    ],
    ['frontend: deno', 'http.frontend (line 3): "deno" must be one of [auto, uws, node]'],
    [
      'processes: 0',
      'http.processes (line 3): must be 1 with inmemory storage, which processes cannot share',
    ],
    ['draintimeout: -1s', 'http.draintimeout (line 3): "-1s" must not be negative'],
  ])('%s is a fault', (lines, fault) => {
    expect(faultsOf(http(lines))).toEqual([fault]);
  });

  test('several processes are refused with letsencrypt', () => {
    const tls = 'tls: {letsencrypt: {cachefile: /a, email: e, hosts: [h]}}';
    expect(faultsOf(http(`processes: 2, ${tls}`)).join('\n')).toContain(
      'http.processes (line 3): must be 1 with letsencrypt',
    );
  });

  test('the uws front end is refused where it cannot serve', () => {
    expect(faultsOf(http('frontend: uws, tls: {certificate: /c, key: /k}'))[0]).toContain(
      'with TLS',
    );
    expect(faultsOf(http('frontend: uws, h2c: {enabled: true}'))[0]).toContain('with h2c');
  });
});

describe('tls', () => {
  test.each([
    ['certificate: /c', 'http.tls.key (line 3): is required with certificate'],
    ['key: /k', 'http.tls.certificate (line 3): is required with key'],
    [
      'certificate: /c, key: /k, letsencrypt: {cachefile: /a, email: e, hosts: [h]}',
      "http.tls.certificate (line 3): cannot specify both certificate and Let's Encrypt",
    ],
    [
      'letsencrypt: {email: e}',
      'http.tls.letsencrypt.cachefile (line 3): is required in a letsencrypt section',
    ],
    [
      'certificate: /c, key: /k, minimumtls: tls1.4',
      'http.tls.minimumtls (line 3): "tls1.4" must be one of [tls1.0, tls1.1, tls1.2, tls1.3]; did you mean tls1.0?',
    ],
  ])('%s is a fault', (lines, fault) => {
    expect(faultsOf(tls(lines))).toEqual([fault]);
  });

  test('an unknown cipher suite is a fault that names the nearest', () => {
    const lines = 'certificate: /c, key: /k, ciphersuites: [TLS_AES_128_GCM_SHA265]';
    expect(faultsOf(tls(lines))[0]).toMatch(/did you mean TLS_AES_128_GCM_SHA256\?$/);
  });

  test('suites that only the document knows are accepted', () => {
    const lines = 'certificate: /c, key: /k, ciphersuites: [TLS_RSA_WITH_RC4_128_SHA]';
    expect(loaded(tls(lines)).http.tls.ciphersuites).toEqual(['TLS_RSA_WITH_RC4_128_SHA']);
  });

  test('an empty list of suites is the default list', () => {
    expect(
      loaded(tls('certificate: /c, key: /k, ciphersuites: []')).http.tls.ciphersuites,
    ).toHaveLength(9);
  });

  test.each([
    ['letsencrypt: {cachefile: /a, hosts: [h]}', 'no contact address'],
    ['letsencrypt: {cachefile: /a, email: e}', 'no hosts: every handshake is refused'],
    ['clientcas: [/ca]', 'has no effect without certificate or letsencrypt'],
    [
      'certificate: /c, key: /k, clientauth: request-client-cert',
      'has no effect without clientcas',
    ],
    ['certificate: /c, key: /k, minimumtls: tls1.0', 'is unsafe'],
    [
      'certificate: /c, key: /k, minimumtls: tls1.3, ciphersuites: [TLS_AES_128_GCM_SHA256]',
      'has no effect with minimumtls: tls1.3',
    ],
  ])('%s is a warning', (lines, warning) => {
    expect(warningsOf(tls(lines))).toEqual([expect.stringContaining(warning)]);
  });

  test('a bad clientauth is a fault even without TLS', () => {
    expect(faultsOf(tls('clientauth: maybe'))[0]).toContain('must be one of [request-client-cert,');
  });
});

describe('auth', () => {
  test('more than one provider is a fault', () => {
    expect(faultsOf(auth('silly: {realm: r, service: s}, htpasswd: {realm: r, path: /p}'))).toEqual(
      ['auth (line 3): must provide exactly one type. Provided: [htpasswd silly]'],
    );
  });

  test('an unknown provider is a fault', () => {
    expect(faultsOf(auth('htpaswd: {realm: r}'))).toEqual([
      'auth.htpaswd (line 3): no access controller registered with name: htpaswd; did you mean htpasswd?',
    ]);
  });

  test.each([
    ['silly: {}', ['auth.silly.realm', 'auth.silly.service']],
    ['htpasswd: {}', ['auth.htpasswd.realm', 'auth.htpasswd.path']],
    ['token: {jwks: /j}', ['auth.token.realm', 'auth.token.service', 'auth.token.issuer']],
  ])('%s lacks its keys', (lines, paths) => {
    expect(faultsOf(auth(lines))).toEqual(paths.map((path) => `${path} (line 3): is required`));
  });

  const token = 'realm: r, service: s, issuer: i';

  test('a token provider needs a key', () => {
    expect(faultsOf(auth(`token: {${token}}`))).toEqual([
      'auth.token.rootcertbundle (line 3): token auth requires at least one token signing key: set rootcertbundle or jwks',
    ]);
    expect(loaded(auth(`token: {${token}, rootcertbundle: /b}`)).auth.token).toMatchObject({
      autoredirect: false,
      autoredirectpath: '/auth/token/',
    });
  });

  test('signing algorithms: unknown is a fault, a single value too, empty is all', () => {
    const with_ = (value: string): string =>
      auth(`token: {${token}, jwks: /j, signingalgorithms: ${value}}`);
    expect(faultsOf(with_('[RS257]'))[0]).toContain('did you mean RS256?');
    expect(faultsOf(with_('RS256'))[0]).toContain('must be a list');
    expect(loaded(with_('[]')).auth.token?.signingalgorithms).toHaveLength(13);
  });

  test('access rules name known groups and somebody', () => {
    const rules = (rule: string): string =>
      auth(
        `htpasswd: {realm: r, path: /p, groups: {devs: [a]}, access: [{repository: "**", actions: [pull], ${rule}}]}`,
      );
    expect(faultsOf(rules('groups: [dev]'))).toEqual([
      'auth.htpasswd.access[0].groups (line 3): "dev" no such group in auth.htpasswd.groups; did you mean devs?',
    ]);
    expect(faultsOf(rules('users: []'))).toEqual([
      'auth.htpasswd.access[0] (line 3): is for nobody: set users, groups or anonymous',
    ]);
    expect(loaded(rules('groups: [devs]')).auth.htpasswd?.access?.[0]?.groups).toEqual(['devs']);
  });
});

describe('storage', () => {
  test.each(['', 'storage:', 'storage: {}', 'storage: {delete: {enabled: true}}'])(
    '%j has no driver',
    (line) => {
      expect(faultsOf(`version: 0.1\n${line}\n`)).toEqual([
        expect.stringContaining('no storage configuration provided'),
      ]);
    },
  );

  test('an unknown driver is a fault', () => {
    expect(faultsOf(storage('filesistem: {}'))).toEqual([
      'storage.filesistem (line 2): StorageDriver not registered: filesistem; did you mean filesystem?',
    ]);
  });

  test('two drivers are a fault', () => {
    expect(faultsOf(storage('filesystem: {}, inmemory: {}'))).toEqual([
      'storage (line 2): must provide exactly one storage type. Provided: [filesystem inmemory]',
    ]);
  });

  test.each([
    ['10', 25],
    ['0', 25],
    ['-1', 25],
    ['"200"', 200],
    ['0x40', 64],
  ])('filesystem.maxthreads %s is %d', (text, value) => {
    expect(
      loaded(storage(`filesystem: {maxthreads: ${text}}`)).storage.filesystem?.maxthreads,
    ).toBe(value);
  });

  test('filesystem.chunksync is each unless commit is asked for, and nothing else', () => {
    expect(loaded(storage('filesystem: {}')).storage.filesystem?.chunksync).toBe('each');
    expect(loaded(storage('filesystem: {chunksync: commit}')).storage.filesystem?.chunksync).toBe(
      'commit',
    );
    expect(faultsOf(storage('filesystem: {chunksync: never}'))).toEqual([
      'storage.filesystem.chunksync (line 2): "never" must be one of [each, commit]',
    ]);
  });

  test('filesystem.dirsync is commit unless none is asked for, and nothing else', () => {
    expect(loaded(storage('filesystem: {}')).storage.filesystem?.dirsync).toBe('commit');
    expect(loaded(storage('filesystem: {dirsync: none}')).storage.filesystem?.dirsync).toBe('none');
    expect(faultsOf(storage('filesystem: {dirsync: each}'))).toEqual([
      'storage.filesystem.dirsync (line 2): "each" must be one of [commit, none]',
    ]);
  });

  test('a maxthreads that is no number is a fault', () => {
    expect(faultsOf(storage('filesystem: {maxthreads: many}'))).toEqual([
      'storage.filesystem.maxthreads (line 2): "many" must be a whole number',
    ]);
  });

  test.each([
    ['{age: 1h, interval: 1h}', 'dryrun missing'],
    ['{enabled: true, interval: 1h, dryrun: false}', 'age missing'],
    ['{age: 3600, interval: 1h, dryrun: false}', 'age is not a string'],
    ['{age: 1x, interval: 1h, dryrun: false}', 'must be a duration'],
    ['{age: 1h, interval: 1h, dryrun: "no"}', 'must be true or false'],
    ['true', 'must be a section'],
  ])('uploadpurging %s is a fault', (text, fault) => {
    const faults = faultsOf(storage(`inmemory: {}, maintenance: {uploadpurging: ${text}}`));
    expect(faults).toContainEqual(expect.stringContaining(fault));
  });

  test('a disabled uploadpurging needs nothing else, a complete one is taken', () => {
    const given = (text: string) =>
      loaded(storage(`inmemory: {}, maintenance: {uploadpurging: ${text}}`)).storage.maintenance
        .uploadpurging;
    expect(given('{enabled: false}').enabled).toBe(false);
    expect(given('{age: 1h, interval: 2h, dryrun: true}')).toEqual({
      enabled: true,
      age: 3_600_000,
      interval: 7_200_000,
      dryrun: true,
    });
    expect(given('~')).toMatchObject({ enabled: true, age: 604_800_000, interval: 86_400_000 });
  });

  test.each([
    ['maintenance: {readonly: {enabled: "true"}}', 'storage.maintenance.readonly.enabled'],
    ['delete: {enabled: "true"}', 'storage.delete.enabled'],
    ['redirect: {}', 'storage.redirect.disable'],
    ['redirect: {disable: "yes"}', 'storage.redirect.disable'],
    ['tag: {concurrencylimit: "8"}', 'storage.tag.concurrencylimit'],
    ['tag: {concurrencylimit: -1}', 'storage.tag.concurrencylimit'],
    ['cache: {blobdescriptorsize: big}', 'storage.cache.blobdescriptorsize'],
  ])('%s is a fault', (lines, path) => {
    const faults = faultsOf(storage(`inmemory: {}, ${lines}`));
    expect(faults).toEqual([expect.stringContaining(`${path} (line 2): `)]);
  });

  test.each([
    ['{blobdescriptor: inmemory}', 'inmemory'],
    ['{layerinfo: inmemory}', 'inmemory'],
    ['{blobdescriptor: ""}', undefined],
    ['{blobdescriptor: memcached}', undefined],
  ])('cache %s', (text, value) => {
    expect(loaded(storage(`inmemory: {}, cache: ${text}`)).storage.cache.blobdescriptor).toBe(
      value,
    );
  });

  test('layerinfo is deprecated and counts only without blobdescriptor', () => {
    const text = storage('inmemory: {}, cache: {layerinfo: redis, blobdescriptor: inmemory}');
    expect(loaded(text).storage.cache.blobdescriptor).toBe('inmemory');
    expect(warningsOf(storage('inmemory: {}, cache: {layerinfo: inmemory}'))).toEqual([
      'storage.cache.layerinfo (line 2): deprecated: use blobdescriptor',
    ]);
  });

  test('an unknown cache is off, with a warning', () => {
    expect(warningsOf(storage('inmemory: {}, cache: {blobdescriptor: memcached}'))).toEqual([
      'storage.cache.blobdescriptor (line 2): "memcached" unknown cache type, caching disabled; known are [inmemory, redis]',
    ]);
  });

  test.each(['0', '-1', '"0"'])('blobdescriptorsize %s is no limit', (text) => {
    const { cache } = loaded(
      storage(`inmemory: {}, cache: {blobdescriptor: inmemory, blobdescriptorsize: ${text}}`),
    ).storage;
    expect(cache.blobdescriptorsize).toBe(0);
  });

  test('a redis cache needs redis', () => {
    expect(faultsOf(storage('inmemory: {}, cache: {blobdescriptor: redis}'))[0]).toContain(
      'redis configuration required to use for layerinfo cache',
    );
  });
});

describe('s3', () => {
  const s3 = (lines: string): string => storage(`s3: {${lines}}`);
  const good = 'bucket: b, region: us-west-1';

  test('has the documented defaults', () => {
    expect(loaded(s3(good)).storage.s3).toEqual({
      bucket: 'b',
      region: 'us-west-1',
      forcepathstyle: false,
      encrypt: false,
      secure: true,
      skipverify: false,
      v4auth: true,
      chunksize: 10_485_760,
      multipartcopychunksize: 33_554_432,
      multipartcopymaxconcurrency: 100,
      rootdirectory: '',
      storageclass: 'STANDARD',
      objectacl: 'private',
      usedualstack: false,
      accelerate: false,
      usefipsendpoint: false,
      loglevel: 'off',
    });
  });

  test('s3aws is the same driver', () => {
    expect(loaded(storage(`s3aws: {${good}}`)).storage.s3?.bucket).toBe('b');
  });

  test.each([
    ['region: us-west-1', 'storage.s3.bucket (line 2): is required'],
    ['bucket: b', 'storage.s3.region (line 2): no region parameter provided'],
    ['bucket: b, region: moon', 'storage.s3.region (line 2): invalid region provided: moon'],
    [
      `${good}, chunksize: 1024`,
      '"1024" must be a number between 5242880 and 5368709120 (inclusive)',
    ],
    [`${good}, multipartcopymaxconcurrency: 0`, '"0" must be a number of at least 1'],
    [`${good}, multipartcopythresholdsize: -1`, '"-1" must be a number between 0 and 5368709120'],
    [`${good}, secure: maybe`, '"maybe" must be true or false'],
    [`${good}, storageclass: COLD`, 'must be one of [NONE, STANDARD,'],
    [`${good}, objectacl: mine`, 'must be one of [private,'],
    [`${good}, v4auth: false`, 'v4auth: false is refused by AWS'],
    [
      'bucket: b, regionendpoint: "minio:9000", v4auth: false',
      'storage.s3.v4auth (line 2): v4auth: false (signature version 2) is not supported',
    ],
    [
      `${good}, accesskey: a`,
      'storage.s3.secretkey (line 2): accesskey and secretkey must be given together',
    ],
    [`${good}, redirectendpoint: "https://h/path"`, 'must be SCHEME://HOST, without user info'],
  ])('%s is a fault', (lines, fault) => {
    expect(faultsOf(s3(lines))).toEqual([expect.stringContaining(fault)]);
  });

  test.each([
    ['regionendpoint: "http://minio:9000"'],
    ['regionendpoint: "minio:9000"'],
    ['region: eusc-de-east-1'],
    ['region: us-gov-east-1'],
    ['region: ap-southeast-3, storageclass: glacier_ir'],
  ])('%s is fine', (lines) => {
    expect(loaded(s3(`bucket: b, ${lines}`)).storage.s3?.bucket).toBe('b');
  });

  test('loglevel: off is text, not a boolean, and an unknown one is off with a warning', () => {
    expect(loaded(s3(`${good}, loglevel: off`)).storage.s3?.loglevel).toBe('off');
    expect(loaded(s3(`${good}, loglevel: loud`)).storage.s3?.loglevel).toBe('off');
    expect(warningsOf(s3(`${good}, loglevel: loud`))[0]).toContain('unknown, taken as off');
  });
});

describe('drivers that are not built are checked and refused', () => {
  test('azure', () => {
    const lines = 'accountname: a, container: c, credentials: {type: client_secret, clientid: i}';
    expect(faultsOf(storage(`azure: {${lines}}`))).toEqual([
      'storage.azure.credentials.tenantid (line 2): is required for client_secret',
      'storage.azure.credentials.secret (line 2): is required for client_secret',
      'storage.azure (line 2): the azure storage driver is not part of this version: use filesystem or s3',
    ]);
  });

  test('gcs', () => {
    expect(
      faultsOf(storage('gcs: {bucket: b, chunksize: 300000, credentials: {type: user}}')),
    ).toEqual([
      'storage.gcs.chunksize (line 2): "300000" must be a number of at least 262144, a multiple of 262144',
      expect.stringContaining('the credentials were not specified in the correct format'),
      expect.stringContaining('the gcs storage driver is not part of this version'),
    ]);
  });
});
