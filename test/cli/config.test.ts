/** Configuration from outside: faults told all at once, `--strict`, `longshore config`, where the file is found. */

import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configFile } from '../support/launch.ts';
import { launcher, runLongshore } from '../support/registry.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';

let folder: TempFolder;
beforeAll(async () => {
  folder = await tempFolder();
});
afterAll(() => folder.remove());

const minimal = 'version: 0.1\nstorage: inmemory\nhttp:\n  addr: 127.0.0.1:0\n';

/** Runs `serve` on a file that must be refused, and gives what it said, line by line. */
async function refused(
  yaml: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<string[]> {
  const file = await configFile(folder.path, yaml);
  const { code, stdout, stderr } = await runLongshore(['serve', ...args, file], env);
  expect(code).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^configuration error: /);
  expect(stderr).not.toMatch(/\n\s+at |node:/);
  return stderr.trimEnd().split('\n');
}

describe('serve with a faulty configuration', () => {
  test('all faults are listed at once, each with path, line and value', async () => {
    const yaml = `version: 0.1
log:
  level: loud
storage:
  filesystem:
    rootdirectory: /nowhere
    maxthreads: many
http:
  addr: nope
  net: carrier
  draintimeout: soon
notifications:
  endpoints:
    - name: n
      url: not a url
`;
    const [head, ...faults] = await refused(yaml);
    expect(head).toMatch(/config\.yml: 6 faults$/);
    for (const [path, line, value] of [
      ['log.level', 3, '"loud"'],
      ['storage.filesystem.maxthreads', 7, '"many"'],
      ['http.addr', 9, '"nope"'],
      ['http.net', 10, '"carrier"'],
      ['http.draintimeout', 11, '"soon"'],
      ['notifications.endpoints[0].url', 15, '"not a url"'],
    ]) {
      expect(
        faults.filter((text) => text.startsWith(`  ${path} (line ${line}): ${value}`)),
      ).toHaveLength(1);
    }
    expect(faults).toHaveLength(6);
  });

  test('broken YAML is told by line', async () => {
    const lines = await refused('version: 0.1\nstorage:\n  filesystem: [\nhttp: {addr: x\n');
    expect(lines.join('\n')).toMatch(/line \d+: yaml: /);
  });

  test.each([
    ['', /unsupported version: ""/],
    ['version: 0.2\nstorage: inmemory\n', /unsupported version: "0.2"/],
    ['- a\n- b\n', /must be a section with keys/],
    ['version: 0.1\n', /no storage configuration provided/],
    [
      'version: 0.1\nstorage: {inmemory: {}, s3: {bucket: b, region: us-east-1}}\n',
      /exactly one storage type/,
    ],
    [
      `${minimal}auth:\n  silly: {realm: a, service: b}\n  htpasswd: {realm: a, path: b}\n`,
      /exactly one type/,
    ],
    [`${minimal}auth:\n  kerberos: {}\n`, /kerberos/],
  ])('%j is refused', async (yaml, message) => {
    expect((await refused(yaml)).join('\n')).toMatch(message);
  });

  test('a secret of the wrong kind is not shown', async () => {
    const lines = await refused(`${minimal}  secret: [hush-hush]\n`);
    expect(lines.join('\n')).toContain('http.secret');
    expect(lines.join('\n')).not.toContain('hush-hush');
  });

  test('a fault in the environment names its variable', async () => {
    const lines = await refused(minimal, [], { REGISTRY_LOG_LEVEL: 'loud' });
    expect(lines.join('\n')).toContain('log.level (REGISTRY_LOG_LEVEL): "loud"');
  });

  test.each([
    [
      'a driver without what it needs',
      { REGISTRY_STORAGE: 's3' },
      /storage\.s3\.bucket \(REGISTRY_STORAGE\): is required/,
    ],
    [
      'a driver beside that of the file',
      { REGISTRY_STORAGE_S3_BUCKET: 'b', REGISTRY_STORAGE_S3_REGION: 'us-east-1' },
      /exactly one storage type.*inmemory: line 2, s3: REGISTRY_STORAGE_S3_BUCKET/,
    ],
    ['no storage', { REGISTRY_STORAGE: '' }, /no storage configuration provided/],
    [
      'a provider without what it needs',
      { REGISTRY_AUTH: 'htpasswd' },
      /auth\.htpasswd\.realm \(REGISTRY_AUTH\): is required/,
    ],
    ['text for a list', { REGISTRY_HTTP_HEADERS: '{X-A: a}' }, /http\.headers\.X-A/],
    ['broken YAML', { REGISTRY_HTTP_HEADERS: '{X-A: [a' }, /REGISTRY_HTTP_HEADERS/],
  ])('%s in the environment is refused', async (_, env, message) => {
    expect((await refused(minimal, [], env)).join('\n')).toMatch(message);
  });

  test('unknown keys are faults with --strict', async () => {
    const yaml = `${minimal}  adr: :5000\n`;
    const lines = await refused(yaml, ['--strict']);
    expect(lines.join('\n')).toContain('http.adr (line 5): unknown key');
    expect(lines.join('\n')).toContain('did you mean addr?');
  });

  test.each(['serve', 'config', 'garbage-collect', 'verify', 'reindex', 'notifications replay'])(
    '%s tells the warnings too, which may be the reason',
    async (command) => {
      const file = await configFile(
        folder.path,
        'version: 0.1\nstorge: inmemory\nhttp: {adr: x}\n',
      );
      const env = { REGISTRY_HTPP_ADDR: ':1' };
      const { code, stderr } = await runLongshore([...command.split(' '), file], env);
      expect(code).toBe(1);
      expect(stderr.split('\n')).toEqual([
        `configuration error: error parsing ${file}: storage: no storage configuration provided`,
        '  warning: Ignoring unrecognized environment variable REGISTRY_HTPP_ADDR; did you mean REGISTRY_HTTP_ADDR?',
        '  warning: storge (line 2): unknown key, ignored; did you mean storage?',
        '  warning: http.adr (line 3): unknown key, ignored; did you mean addr?',
        '',
      ]);
    },
  );

  test('bytes in the environment that are no UTF-8 are refused, and not shown', async () => {
    const file = await configFile(folder.path, minimal);
    const child = spawnSync(
      'sh',
      [
        '-c',
        'REGISTRY_HTTP_SECRET=$(printf "h\\351unter2") exec "$@"',
        'sh',
        process.execPath,
        launcher,
        'serve',
        file,
      ],
      { encoding: 'utf8' },
    );
    expect(child.status).toBe(1);
    expect(child.stderr).toBe(
      `configuration error: error parsing ${file}: parsing environment variable REGISTRY_HTTP_SECRET: yaml: not valid UTF-8\n`,
    );
  });

  test.each([
    ['no file is named', ['serve'], 'configuration error: configuration path unspecified\n'],
    ['the file is not there', ['serve', '/nowhere.yml'], 'cannot read the file: ENOENT'],
    ['the file is a folder', ['serve', '/'], 'cannot read the file: EISDIR'],
  ])('one line says so when %s', async (_, args, message) => {
    const { code, stdout, stderr } = await runLongshore(args, { REGISTRY_CONFIGURATION_PATH: '' });
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('longshore config', () => {
  const withSecrets = `version: 0.1
storage:
  s3:
    bucket: b
    region: us-east-1
    accesskey: ACCESS-KEY-1
    secretkey: SECRET-KEY-2
http:
  addr: :5000
  secret: HTTP-SECRET-3
redis:
  addrs: [localhost:6379]
  password: REDIS-PASSWORD-4
notifications:
  endpoints:
    - name: hook
      url: https://user:URL-PASSWORD-5@example.com/hook
      headers:
        Authorization: [Bearer HEADER-SECRET-6]
`;

  test('prints the effective values with their origin, and no secret', async () => {
    const file = await configFile(folder.path, withSecrets);
    const { code, stdout, stderr } = await runLongshore(['config', file], {
      REGISTRY_LOG_LEVEL: 'debug',
    });
    expect(code).toBe(0);
    expect(stdout).toContain('addr: :5000  # line 9');
    expect(stdout).toMatch(/level: debug +# REGISTRY_LOG_LEVEL/);
    expect(stdout).toMatch(/formatter: text +# default/);
    expect(stdout).toMatch(/secret: '\*{3}' +# line 10/);
    for (const secret of withSecrets.match(/[A-Z]+-[A-Z]+-\d/g) ?? []) {
      expect(stdout + stderr).not.toContain(secret);
    }
  });

  test('finds the file by REGISTRY_CONFIGURATION_PATH, which the argument overrides', async () => {
    const file = await configFile(folder.path, `${minimal}  prefix: /by-argument/\n`);
    const elsewhere = await tempFolder();
    const other = await configFile(elsewhere.path, `${minimal}  prefix: /by-variable/\n`);
    const env = { REGISTRY_CONFIGURATION_PATH: other };
    const byVariable = await runLongshore(['config'], env);
    expect(byVariable).toMatchObject({ code: 0, stderr: '' });
    expect(byVariable.stdout).toContain('/by-variable/');
    expect((await runLongshore(['config', file], env)).stdout).toContain('/by-argument/');
    await elsewhere.remove();
  });

  test('warns on stderr and goes on; with --strict it ends with 1', async () => {
    const file = await configFile(folder.path, `${minimal}  adr: x\n`);
    const lenient = await runLongshore(['config', file]);
    expect(lenient.code).toBe(0);
    expect(lenient.stderr).toBe('http.adr (line 5): unknown key, ignored; did you mean addr?\n');
    expect((await runLongshore(['config', '--strict', file])).code).toBe(1);
  });

  test('what it prints is a configuration that means the same', async () => {
    const file = await configFile(folder.path, minimal);
    const { stdout } = await runLongshore(['config', file]);
    const printedFile = await configFile(folder.path, stdout);
    const again = await runLongshore(['config', printedFile]);
    expect(again.code).toBe(0);
    const values = (text: string): string => text.replaceAll(/ +#.*/g, '');
    expect(values(again.stdout)).toBe(values(stdout));
  });
});
