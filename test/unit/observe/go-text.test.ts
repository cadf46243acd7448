import { afterEach, describe, expect, it } from 'vitest';
import {
  createApacheTime,
  createRfc3339,
  escapeLikeGo,
  formatGoDuration,
  quoteLikeGo,
} from '../../../src/observe/go-text.ts';

describe('quoteLikeGo', () => {
  it.each([
    ['plain words', '"plain words"'],
    ['say "hi" \\ bye', '"say \\"hi\\" \\\\ bye"'],
    ['\x07\b\f\n\r\t\v', '"\\a\\b\\f\\n\\r\\t\\v"'],
    ['\x00\x1b\x7f', '"\\x00\\x1b\\x7f"'],
    ['grün 日本 😀', '"grün 日本 😀"'],
    ['a\u00a0b\u200bc\u2028', '"a\\u00a0b\\u200bc\\u2028"'],
    ['\u{e0001}', '"\\U000e0001"'],
    ['\ud800', '"\\ufffd"'],
    ['', '""'],
  ])('prints %j as %s', (text, expected) => {
    expect(quoteLikeGo(text)).toBe(expected);
  });

  it('leaves text without need for escapes as it is', () => {
    expect(escapeLikeGo('/v2/a/b?n=1&x=~')).toBe('/v2/a/b?n=1&x=~');
  });
});

describe('formatGoDuration', () => {
  it.each([
    [0, '0s'],
    [0.000001, '1ns'],
    [0.08525, '85.25µs'],
    [1, '1ms'],
    [1.5, '1.5ms'],
    [999.999999, '999.999999ms'],
    [1000, '1s'],
    [60_000, '1m0s'],
    [120_250, '2m0.25s'],
    [3_603_000, '1h0m3s'],
    [36_000_000 + 61_001, '10h1m1.001s'],
    [-1500, '-1.5s'],
  ])('prints %d ms as %s', (ms, expected) => {
    expect(formatGoDuration(ms)).toBe(expected);
  });
});

describe('times', () => {
  const zone = process.env['TZ'];
  afterEach(() => {
    if (zone === undefined) {
      delete process.env['TZ'];
    } else {
      process.env['TZ'] = zone;
    }
  });

  it.each([
    ['UTC', '2025-11-25T03:00:00.5Z', '25/Nov/2025:03:00:00 +0000'],
    ['Asia/Kolkata', '2025-11-25T08:30:00.5+05:30', '25/Nov/2025:08:30:00 +0530'],
    ['America/St_Johns', '2025-11-24T23:30:00.5-03:30', '24/Nov/2025:23:30:00 -0330'],
  ])('are in the zone of the process: %s', (name, rfc3339, apache) => {
    process.env['TZ'] = name;
    expect(createRfc3339()(1_764_039_600_500)).toBe(rfc3339);
    expect(createApacheTime()(1_764_039_600_500)).toBe(apache);
  });

  it('RFC 3339 text names the same instant and has no trailing zeros', () => {
    const text = createRfc3339();
    for (const ms of [123, 120, 100, 0, 7]) {
      const printed = text(1_764_039_600_000 + ms);
      expect(Date.parse(printed)).toBe(1_764_039_600_000 + ms);
      expect(printed).not.toMatch(/\.\d*0(Z|[+-])/);
      expect(printed.includes('.')).toBe(ms !== 0);
    }
  });

  it('access log text names the same second', () => {
    const printed = createApacheTime()(1_764_039_601_999);
    expect(printed).toMatch(/^\d\d\/[A-Z][a-z][a-z]\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}$/);
    const [day, month, year, ...clock] = printed.split(/[/: ]/);
    const [hour, minute, second, zone] = clock;
    expect(Date.parse(`${day} ${month} ${year} ${hour}:${minute}:${second} ${zone}`)).toBe(
      1_764_039_601_000,
    );
  });
});
