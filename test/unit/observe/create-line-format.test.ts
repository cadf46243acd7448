import { describe, expect, it } from 'vitest';
import { createLineFormat, type FormatName } from '../../../src/observe/create-line-format.ts';
import { createRfc3339 } from '../../../src/observe/go-text.ts';
import { joined, type LinePieces, type OfValues } from '../../../src/observe/line-output.ts';
import type { LogFields, LogLevel } from '../../../src/observe/logger.ts';
import { Secret } from '../../../src/options/secret.ts';
import { Dice } from '../../support/pushing-writer.ts';

const timeMs = 1_764_039_600_120;
const time = createRfc3339()(timeMs);

function line(
  name: FormatName,
  message: string,
  fields: LogFields,
  level: LogLevel = 'info',
): string {
  return createLineFormat({ name, startMs: timeMs }).format({ level, timeMs, message, fields });
}

describe('text', () => {
  it('prints time, level and message, then the fields sorted by key', () => {
    expect(line('text', 'listening on :5000', { version: 'v1.2', b: 2, a: true })).toBe(
      `time="${time}" level=info msg="listening on :5000" a=true b=2 version=v1.2\n`,
    );
  });

  it('quotes whatever holds more than letters, digits and -._/@^+', () => {
    expect(line('text', 'ready', { plain: 'aZ09-._/@^+', colon: 'a:b', quote: 'a"b' })).toBe(
      `time="${time}" level=info msg=ready colon="a:b" plain=aZ09-._/@^+ quote="a\\"b"\n`,
    );
  });

  it('prints an empty value as nothing and leaves absent ones and an empty message out', () => {
    expect(line('text', '', { empty: '', absent: undefined, nothing: null })).toBe(
      `time="${time}" level=info empty= nothing=null\n`,
    );
  });

  it('keeps to one line whatever a client sends', () => {
    const printed = line('text', 'a\nb', { agent: 'x\r\ny level=error' });
    expect(printed).toBe(`time="${time}" level=info msg="a\\nb" agent="x\\r\\ny level=error"\n`);
  });

  it('renames fields that clash and mends keys that would break the line', () => {
    expect(line('text', 'm', { msg: 'x', time: 'y', 'my key': 'z', gamma: 1 })).toBe(
      `time="${time}" level=info msg=m fields.msg=x fields.time=y gamma=1 my_key=z\n`,
    );
  });

  it('puts the caller before the sorted fields', () => {
    expect(line('text', 'm', { a: 1, func: 'serve', file: '/x.ts:3' })).toBe(
      `time="${time}" level=info msg=m func=serve file="/x.ts:3" a=1\n`,
    );
  });

  it.each([
    ['warn', 'warning'],
    ['panic', 'panic'],
    ['fatal', 'fatal'],
    ['error', 'error'],
    ['debug', 'debug'],
  ] as const)('prints level %s as %s', (level, printed) => {
    expect(line('text', 'm', {}, level)).toBe(`time="${time}" level=${printed} msg=m\n`);
  });

  it('prints objects as JSON, secrets masked and errors as their chain', () => {
    const error = new Error('outer', { cause: new Error('inner') });
    expect(line('text', 'm', { error, list: ['a'], password: new Secret('p') })).toBe(
      `time="${time}" level=info msg=m error="outer: inner" list="[\\"a\\"]" password="***"\n`,
    );
  });
});

describe('json', () => {
  it('sorts all keys, the standard ones among them', () => {
    expect(line('json', 'a <b> & "c"', { a: 'x', n: 1, z: { deep: [1] }, level: 'mine' })).toBe(
      `{"a":"x","fields.level":"mine","level":"info","msg":"a <b> & \\"c\\"","n":1,"time":"${time}","z":{"deep":[1]}}\n`,
    );
  });

  it('stays valid JSON for odd keys and values', () => {
    const odd = { 'a"b': 'c\nd', big: 3n, nan: Number.NaN, gone: undefined, nil: null, e: '' };
    const parsed = JSON.parse(line('json', '', odd, 'warn')) as object;
    expect(parsed).toEqual({
      'a"b': 'c\nd',
      big: '3',
      nan: 'NaN',
      nil: null,
      e: '',
      level: 'warning',
      msg: '',
      time,
    });
  });
});

describe('logstash', () => {
  it('prints the members a logstash index expects', () => {
    expect(line('logstash', 'ready', { service: 'registry', type: 'x' }, 'warn')).toBe(
      `{"@timestamp":"${time}","@version":"1","fields.type":"x","level":"warning","message":"ready","service":"registry","type":"log"}\n`,
    );
  });
});

describe('terminal', () => {
  it('prints the level in colour, the seconds since the start and padded words', () => {
    const format = createLineFormat({ name: 'terminal', startMs: timeMs - 61_500 });
    const words = 'ready'.padEnd(44);
    expect(format.format({ level: 'info', timeMs, message: 'ready', fields: { a: 1 } })).toBe(
      `\u001b[36mINFO\u001b[0m[0061] ${words}  \u001b[36ma\u001b[0m=1\n`,
    );
  });

  it('lets no escape sequence of a client through', () => {
    const printed = line('terminal', 'x\u001b[2J', { agent: '\u001b[31m' });
    expect(printed).not.toContain('\u001b[2J');
    expect(printed).toContain('="\\x1b[31m"');
  });
});

describe('templates', () => {
  const fixed = {
    service: 'registry',
    'http.a': 'old',
    zone: new Secret('s'),
    time: 1,
    off: undefined,
  };
  const keys = ['http.b', 'http.a', 'status', 'list'];
  const rows: unknown[][] = [
    ['text:1', 'x', 200, ['y']],
    [undefined, '', 404, undefined],
    ['""', 'a\nb', undefined, null],
  ];

  it.each(['text', 'json', 'logstash', 'terminal'] as const)(
    'of %s print what the general way prints',
    (name) => {
      const format = createLineFormat({ name, startMs: timeMs });
      const template = format.template('info', 'response completed', fixed, keys);
      for (const values of rows) {
        const fields: Record<string, unknown> = { ...fixed };
        for (const [index, key] of keys.entries()) {
          fields[key] = values[index];
        }
        expect(joined(template(timeMs, values))).toBe(
          format.format({ level: 'info', timeMs, message: 'response completed', fields }),
        );
      }
    },
  );

  it.each(['text', 'json', 'logstash', 'terminal'] as const)(
    'of %s print nothing of the lines before, whatever comes again and whatever changes',
    (name) => {
      const format = createLineFormat({ name, startMs: timeMs });
      const changing = ['http.b', 'http.request.id', 'http.a', 'http.response.duration', 'list'];
      const makeTemplate = (): OfValues<LinePieces> =>
        format.template('info', 'response completed', fixed, changing);
      const template = makeTemplate();
      const list = ['changes'];
      const pools: unknown[][] = [
        ['same', 'other', undefined],
        ['id-1', 'id-2', 'a"b'],
        ['x', undefined, 'é\n'],
        ['0s', '1ms', undefined],
        [list, undefined, null],
      ];
      const dice = new Dice(7);
      for (let line = 0; line < 500; line += 1) {
        list[0] = String(line);
        // Mostly as the line before, as real ones are.
        const values = pools.map((pool) => pool[Math.max(0, dice.roll(6) - 3)]);
        const atMs = timeMs + dice.roll(3);
        expect(joined(template(atMs, values))).toBe(joined(makeTemplate()(atMs, values)));
      }
    },
  );

  it.each(['text', 'json', 'logstash', 'terminal'] as const)(
    'of %s give each line without an id a whole one of its own, also after one with an id',
    (name) => {
      const format = createLineFormat({ name, startMs: timeMs });
      const template = format.template('info', 'response completed', {}, ['http.request.id']);
      const printed = Array.from({ length: 300 }, (_, index) =>
        joined(template(timeMs, [index % 3 === 0 ? `client's ${index}` : undefined])),
      );
      const own = printed.flatMap(
        (line) =>
          /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(?=["\s])/.exec(
            line,
          )?.[0] ?? [],
      );
      expect(new Set(own).size).toBe(200);
      expect(printed.filter((line) => line.includes("client's"))).toHaveLength(100);
    },
  );
});
