// The rows of the YAML table (yaml.v2 semantics): version, keys, durations, booleans, text, lists, null, shorthand.
import { describe, expect, test } from 'vitest';
import { faultsOf, loaded, minimal, warningsOf } from '../../support/config.ts';

describe('version', () => {
  test.each(['0.1', '"0.1"', "'0.1'"])('%s is accepted', (version) => {
    expect(loaded(`version: ${version}\nstorage: inmemory\n`).version).toBe('0.1');
  });

  test.each(['0.2', '0.10', '1.0', '""', '~'])('%s is unsupported', (version) => {
    const shown = version.replace(/^("")|~$/, '');
    expect(faultsOf(`version: ${version}\nstorage: inmemory\n`)).toEqual([
      `version (line 1): unsupported version: "${shown}"; the only one is 0.1`,
    ]);
  });

  test('a missing one is unsupported', () => {
    expect(faultsOf('storage: inmemory\n')).toEqual([
      'version: unsupported version: ""; the only one is 0.1',
    ]);
  });

  test.each(['1', 'one', '0.1.2', '-0.1'])('%s is no version number', (version) => {
    expect(faultsOf(`version: ${version}\nstorage: inmemory\n`)).toEqual([
      `version (line 1): "${version}" is not a version number: write version: 0.1`,
    ]);
  });
});

describe('keys', () => {
  test('an unknown key is a warning that names the nearest', () => {
    const text = `${minimal}http:\n  adr: :5000\n`;
    expect(warningsOf(text)).toEqual([
      'http.adr (line 4): unknown key, ignored; did you mean addr?',
    ]);
    expect(loaded(text).http.addr).toBeUndefined();
  });

  test('an unknown key unlike any other is a warning without a guess', () => {
    expect(warningsOf(`${minimal}compatibility:\n  schema1:\n    enabled: true\n`)).toEqual([
      'compatibility (line 3): unknown key, ignored',
    ]);
  });

  test('keys are lower case: another case is unknown', () => {
    const text = `${minimal}HTTP:\n  addr: :5000\n`;
    expect(warningsOf(text)).toEqual(['HTTP (line 3): unknown key, ignored; did you mean http?']);
    expect(loaded(text).http.addr).toBeUndefined();
  });

  test('of duplicate keys the last wins whole, with a warning', () => {
    const text = `${minimal}http:\n  addr: :1\n  relativeurls: true\nhttp:\n  addr: :2\n`;
    expect(warningsOf(text)).toEqual([
      'http (line 6): the key occurs twice; this last one is used',
    ]);
    expect(loaded(text).http).toMatchObject({ addr: ':2', relativeurls: false });
  });

  test('a key named like a part of JavaScript objects is only unknown', () => {
    expect(warningsOf(`${minimal}__proto__: {x: 1}\nconstructor: 1\n`)).toHaveLength(2);
    expect(loaded(`${minimal}log:\n  fields: {__proto__: x}\n`).log.level).toBe('info');
  });
});

describe('durations', () => {
  test.each([
    ['10s', 10_000],
    ['1h30m', 5_400_000],
    ['"1.5h"', 5_400_000],
    ['60000000000', 60_000],
    ['1500000.9', 1.5],
    ['0', 0],
  ])('%s is %d ms', (text, milliseconds) => {
    expect(loaded(`${minimal}proxy:\n  ttl: ${text}\n`).proxy.ttl).toBe(milliseconds);
  });

  test('a bare integer counts nanoseconds, and a small one is doubted', () => {
    expect(warningsOf(`${minimal}proxy:\n  ttl: 60\n`)).toEqual([
      'proxy.ttl (line 4): "60" is taken as nanoseconds; write 60s for seconds',
    ]);
  });

  test.each(['"60"', '1d', 'soon', 'true', '3000 s'])('%s is a fault', (text) => {
    expect(faultsOf(`${minimal}proxy:\n  ttl: ${text}\n`)).toEqual([
      `proxy.ttl (line 4): ${JSON.stringify(text.replaceAll('"', ''))} must be a duration such as 10s, 1h30m or 100ms`,
    ]);
  });
});

describe('booleans', () => {
  test.each(['true', 'True', 'TRUE', 'yes', 'Yes', 'on', 'ON', 'y', 'Y'])('%s is true', (text) => {
    expect(loaded(`${minimal}http:\n  relativeurls: ${text}\n`).http.relativeurls).toBe(true);
  });

  test.each(['false', 'False', 'no', 'NO', 'off', 'Off', 'n', 'N', '~', ''])(
    '%j is false',
    (text) => {
      expect(loaded(`${minimal}http:\n  relativeurls: ${text}\n`).http.relativeurls).toBe(false);
    },
  );

  test.each(['"true"', "'yes'"])('quoted %s is a fault in a typed section', (text) => {
    expect(faultsOf(`${minimal}http:\n  relativeurls: ${text}\n`)).toEqual([
      `http.relativeurls (line 4): "${text.slice(1, -1)}" must be true or false, without quotes`,
    ]);
  });

  test.each(['1', 'tRue', 'oui'])('%s is a fault', (text) => {
    expect(faultsOf(`${minimal}http:\n  relativeurls: ${text}\n`)).toEqual([
      `http.relativeurls (line 4): "${text}" must be true or false`,
    ]);
  });
});

describe('text', () => {
  test.each([
    ['5000', '5000'],
    ['0x1F', '0x1F'],
    ['007', '007'],
    ['1.50', '1.50'],
    ['yes', 'yes'],
    ['2001-12-14', '2001-12-14'],
    ['12:30:45', '12:30:45'],
    ['"quoted text"', 'quoted text'],
    ['!!str 5', '5'],
  ])('plain %s is kept as written', (text, value) => {
    const config = loaded(`${minimal}redis:\n  clientname: ${text}\n`);
    expect(config.redis.clientname).toBe(value);
  });

  test('a list where text is expected is a fault', () => {
    expect(faultsOf(`${minimal}proxy:\n  username: [username]\n`)).toEqual([
      'proxy.username (line 4): must be a single value, not a list',
    ]);
  });

  test('empty text is the same as a missing key', () => {
    expect(loaded(`${minimal}http:\n  addr: ""\n  net: ""\n`).http).toMatchObject({ net: 'tcp' });
    expect(loaded(`${minimal}http:\n  addr: ""\n`).http).not.toHaveProperty('addr');
  });
});

describe('integers', () => {
  test.each([
    ['0x10', 16],
    ['010', 8],
    ['0o10', 8],
    ['0b11', 3],
    ['1_000', 1000],
    ['+7', 7],
    ['1e3', 1000],
  ])('%s is %d', (text, value) => {
    expect(loaded(`${minimal}catalog:\n  maxentries: ${text}\n`).catalog.maxentries).toBe(value);
  });

  test.each(['"5"', 'five', '1.5', '99999999999999999999', 'true'])('%s is a fault', (text) => {
    expect(faultsOf(`${minimal}catalog:\n  maxentries: ${text}\n`)).toEqual([
      `catalog.maxentries (line 4): ${JSON.stringify(text.replaceAll('"', ''))} must be a whole number`,
    ]);
  });
});

describe('lists and maps', () => {
  test('a single value where a list is expected is a fault', () => {
    expect(faultsOf(`${minimal}redis:\n  addrs: localhost:6379\n`)).toEqual([
      'redis.addrs (line 4): "localhost:6379" must be a list, for example [a, b], not a value',
    ]);
  });

  test('a header with a single value instead of a list is a fault', () => {
    expect(faultsOf(`${minimal}http:\n  headers:\n    X-Foo: bar\n`)).toEqual([
      'http.headers.X-Foo (line 5): "bar" must be a list, for example [a, b], not a value',
    ]);
  });

  test('a value where a section is expected is a fault', () => {
    expect(faultsOf(`${minimal}http: 5000\n`)).toEqual([
      'http (line 3): must be a section with keys of its own, not a value',
    ]);
  });

  test('free-form values keep their types', () => {
    const config = loaded(
      `${minimal}log:\n  fields: {a: 1, b: true, c: text, d: "1", e: [x], f: ~}\n`,
    );
    expect(config.log.fields).toEqual({ a: 1, b: true, c: 'text', d: '1', e: ['x'], f: null });
  });

  test('anchors and merge keys work', () => {
    const text = `${minimal}health:
  http:
    - &first {uri: "http://a/", interval: 5s}
    - <<: *first
      uri: http://b/
`;
    expect(loaded(text).health.http).toMatchObject([
      { uri: 'http://a/', interval: 5000 },
      { uri: 'http://b/', interval: 5000 },
    ]);
  });
});

describe('null', () => {
  test('an empty section has its defaults', () => {
    expect(loaded(`${minimal}http:\nredis: ~\nlog: null\n`).http.net).toBe('tcp');
  });

  test('a driver without parameters is chosen by its name alone', () => {
    expect(loaded('version: 0.1\nstorage:\n  filesystem:\n').storage.filesystem).toEqual({
      rootdirectory: '/var/lib/registry',
      maxthreads: 100,
      chunksync: 'each',
      dirsync: 'commit',
    });
  });
});

describe('storage and auth as plain text', () => {
  test('storage: inmemory is that driver without parameters', () => {
    expect(loaded('version: 0.1\nstorage: inmemory\n').storage.inmemory).toEqual({});
  });

  test('a list is a fault', () => {
    expect(faultsOf('version: 0.1\nstorage: [inmemory]\n')[0]).toBe(
      'storage (line 2): must be a section with keys of its own, not a list',
    );
  });

  test('auth: silly is that provider, whose keys are then missing', () => {
    expect(faultsOf(`${minimal}auth: silly\n`)).toEqual([
      'auth.silly.realm (line 3): is required',
      'auth.silly.service (line 3): is required',
    ]);
  });

  test.each(['none', 'None', '{none: {}}'])('auth: %s is no auth', (text) => {
    expect(loaded(`${minimal}auth: ${text}\n`).auth).toEqual({});
  });
});

describe('broken files', () => {
  test('bad YAML is a fault with its line', () => {
    expect(faultsOf('version: 0.1\nstorage: {\nhttp: [\n')[0]).toMatch(/^line \d: yaml: /);
  });

  test.each([
    ['password: |hunter2', 4, 14, 'what stands here does not belong here; put text in quotes'],
    [
      'password: !x!hunter2 y',
      4,
      13,
      'a tag that is not known; put text that begins with ! in quotes',
    ],
    ['password: @hunter2', 4, 13, 'text may not begin with this character; put it in quotes'],
    [
      'password: "hunter2',
      5,
      1,
      'a bracket, quote, comma, colon or space is missing; put text in quotes',
    ],
    [
      'password: "a\\hunter2"',
      4,
      15,
      'an escape that is not known; a backslash in double quotes is written twice',
    ],
    ["password: 'a'hunter2", 4, 16, 'what stands here does not belong here; put text in quotes'],
    [
      'password: a: hunter2',
      4,
      13,
      'a key in the place of a value; indent it rightly, or put text in quotes',
    ],
    ['\tpassword: hunter2', 4, 3, 'a tab in the place of indentation'],
    ['password: hunter2\u0000', 4, 20, 'control characters are not allowed'],
  ])('%j is told by position and kind, without the text', (line, row, column, message) => {
    expect(faultsOf(`${minimal}redis:\n  ${line}\n`)).toEqual([
      `line ${row}: yaml: column ${column}: ${message}`,
    ]);
  });

  test('one fault is told for each line', () => {
    const lines = faultsOf('- a\nb: 1\nc: [\n').map((fault) => fault.slice(0, 6));
    expect(lines).toEqual(['line 2', 'line 3', 'line 4']);
  });

  test('a directive that is not known is a fault', () => {
    expect(faultsOf(`%hunter2\n---\n${minimal}`)).toEqual([
      'line 1: yaml: column 1: found unknown directive name; put text that begins with % in quotes',
    ]);
  });

  test.each([
    ['!hunter2', 'line 4: yaml: a tag that is not known; put text that begins with ! in quotes'],
    [
      '&hunter2',
      'redis.password (line 4): yaml: an anchor without a value; put text that begins with & in quotes',
    ],
  ])('%s, which YAML takes for nothing, is a warning', (value, warning) => {
    expect(warningsOf(`${minimal}redis:\n  password: ${value}\n`)).toContain(warning);
  });

  test.each([
    [
      'password:hunter2',
      'redis.password:*** (line 3): unknown key, ignored; did you mean password?',
    ],
    ['password: a,hunter2', 'redis.*** (line 3): unknown key, ignored'],
    ['adrs', 'redis.adrs (line 3): unknown key, ignored; did you mean addrs?'],
  ])('{%s}: a key that may be a value is told without it', (text, warning) => {
    expect(warningsOf(`${minimal}redis: {${text}}\n`)).toContain(warning);
  });

  test('a file that is no section is a fault', () => {
    expect(faultsOf('just text\n')).toEqual([
      'line 1: the file must be a section with keys, not a value',
    ]);
  });

  test('an empty file lacks a version and a storage', () => {
    expect(faultsOf('')).toEqual([
      'version: unsupported version: ""; the only one is 0.1',
      'storage: no storage configuration provided',
    ]);
  });

  test('aliases that multiply are refused, not expanded', () => {
    const bomb = Array.from(
      { length: 12 },
      (_, i) => `x${i}: &x${i} [${Array(10).fill(i ? `*x${i - 1}` : 'y')}]`,
    );
    expect(faultsOf(`${minimal}${bomb.join('\n')}\n`)).toContain(
      'line 1: yaml: document contains excessive aliasing or nesting',
    );
  });

  test('an alias without an anchor is a fault', () => {
    expect(faultsOf(`${minimal}http:\n  secret: *oops\n`)).toEqual([
      'http.secret (line 4): yaml: unknown anchor; put text with * in quotes',
    ]);
  });
});
