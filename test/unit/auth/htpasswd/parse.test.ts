import { describe, expect, it } from 'vitest';
import { parseBasic } from '../../../../src/auth/htpasswd/basic.ts';
import { parseHtpasswd } from '../../../../src/auth/htpasswd/parse.ts';

const tail = 'abcdefghijklmnopqrstuv./ABCDEFGHIJKLMNOPQRSTUVWXYZ01234'.slice(0, 53);
const bcrypt = (kind: string, cost = '10'): string => `$2${kind}$${cost}$${tail}`;
const parse = (text: string): ReturnType<typeof parseHtpasswd> => parseHtpasswd(Buffer.from(text));

describe('htpasswd file', () => {
  it('takes the three bcrypt kinds, comments, blank lines, CRLF and a byte order mark', () => {
    const { entries, remarks } = parse(
      `\ufeffa:${bcrypt('a')}\r\n\r\n# c:${bcrypt('y')}\n  b:${bcrypt('b', '05')}  \nc:${bcrypt('y', '12')}`,
    );
    expect(Array.from(entries.values(), ({ user, cost }) => [user, cost])).toEqual([
      ['a', 10],
      ['b', 5],
      ['c', 12],
    ]);
    expect(remarks).toEqual([]);
  });

  it('ignores other hashes with a remark that names the line and not the hash', () => {
    const { entries, remarks } = parse(
      [
        'apr:$apr1$salt$hashhashhash',
        'sha:{SHA}hashhashhash',
        'crypt:hashhashhash',
        `long:${bcrypt('y')}:extra-hashhashhash`,
        `cost:${bcrypt('y', '32')}`,
        `x:${bcrypt('x')}`,
      ].join('\n'),
    );
    expect(entries.size).toBe(0);
    expect(remarks.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(remarks[0]?.remark).toContain('MD5');
    expect(remarks[3]?.remark).toContain('malformed bcrypt');
    expect(JSON.stringify(remarks)).not.toContain('hashhashhash');
  });

  it('lets the last entry of a user count, also when that one is unusable', () => {
    const twice = parse(`a:${bcrypt('a', '05')}\na:${bcrypt('a', '06')}`);
    expect(twice.entries.get('a')?.cost).toBe(6);
    expect(twice.remarks).toEqual([{ line: 2, user: 'a', remark: 'replaces the entry at line 1' }]);
    expect(parse(`a:${bcrypt('a')}\na:{SHA}x`).entries.has('a')).toBe(false);
  });

  it('refuses a line without a colon, naming its number and not its text', () => {
    expect(() => parse(`a:${bcrypt('a')}\n\nsecret-on-its-own`)).toThrow(
      /^invalid entry at line 3$/,
    );
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(() => parseHtpasswd(Buffer.from([0x61, 0x3a, 0xff]))).toThrow('not UTF-8 text');
  });

  it('has no users when it is empty', () => {
    expect(parse('').entries.size).toBe(0);
  });
});

describe('Basic credentials', () => {
  const basic = (bytes: string | Buffer): string =>
    `Basic ${Buffer.from(bytes as string).toString('base64')}`;

  it('keep the colons of a password', () => {
    expect(parseBasic(basic('user:pass:word:'))).toEqual({ user: 'user', password: 'pass:word:' });
  });

  it('may be empty on either side, in any case of the scheme', () => {
    expect(parseBasic(basic(':').replace('Basic', 'bAsIc'))).toEqual({ user: '', password: '' });
  });

  it('may hold any character of Unicode', () => {
    expect(parseBasic(basic('ü:\ufffd😀'))).toEqual({ user: 'ü', password: '\ufffd😀' });
  });

  it.each([
    ['no colon', basic('user')],
    ['not base64', 'Basic ***'],
    ['another scheme', 'Bearer abc'],
    ['no value', 'Basic '],
    ['not UTF-8', basic(Buffer.from([0x61, 0x3a, 0xe9]))],
  ])('are none with %s', (_case, header) => {
    expect(parseBasic(header)).toBeUndefined();
  });
});
