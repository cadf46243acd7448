/**
 * Text the way Go prints it, since log shippers of today's registries parse it: quoting, durations, times.
 * Pure functions, used on every request, hence the fast paths.
 */

const plainInside = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const unusual = /["\\]|[^\x20-\x7e]/gu;
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const namedEscapes = new Map<string, string>([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\x07', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
]);

/** Whether text can stand between quotes as it is, in Go and in JSON. */
export function isPlainInsideQuotes(text: string): boolean {
  return plainInside.test(text);
}

/** The inside of a Go string literal: backslash escapes for quotes, controls and whatever cannot be seen. */
export function escapeLikeGo(text: string): string {
  if (plainInside.test(text)) {
    return text;
  }
  const known = escapedTexts.get(text);
  if (known !== undefined) {
    return known;
  }
  const escaped = text.replace(
    unusual,
    (character) => namedEscapes.get(character) ?? escapeCharacter(character),
  );
  if (text.length <= maxRememberedChars) {
    if (escapedTexts.size >= maxRememberedTexts) {
      escapedTexts.clear();
    }
    escapedTexts.set(text, escaped);
  }
  return escaped;
}

// Docker's User-Agent has backslashes, and a busy registry sees the same few of them: escaping costs 0.5 µs, this a
// tenth (bench/logging.ts).
const escapedTexts = new Map<string, string>();
const maxRememberedTexts = 256;
const maxRememberedChars = 512;

/** A Go string literal, as `%q` prints it. */
export function quoteLikeGo(text: string): string {
  return `"${escapeLikeGo(text)}"`;
}

function escapeCharacter(character: string): string {
  if (printable.test(character)) {
    return character;
  }
  const codePoint = character.codePointAt(0) ?? 0xfffd;
  if (codePoint < 0x20 || codePoint === 0x7f) {
    return `\\x${hex(codePoint, 2)}`;
  }
  if (codePoint >= 0xd800 && codePoint <= 0xdfff) {
    return '\\ufffd';
  }
  return codePoint < 0x10000 ? `\\u${hex(codePoint, 4)}` : `\\U${hex(codePoint, 8)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

// '.123', '.12', '.1' and '' for 123, 120, 100 and 0: Go prints no trailing zeros.
const fractions: readonly string[] = Array.from({ length: 1000 }, (_, ms) =>
  `.${String(ms).padStart(3, '0')}`.replace(/\.?0+$/, ''),
);

/** A duration as Go's `Duration.String`: `0s`, `85.25µs`, `1.5ms`, `2m0.25s`, `1h0m3s`. */
export function formatGoDuration(milliseconds: number): string {
  const nanoseconds = Math.round(Math.abs(milliseconds) * 1e6);
  const sign = milliseconds < 0 && nanoseconds > 0 ? '-' : '';
  if (nanoseconds === 0) {
    return '0s';
  }
  if (nanoseconds < 1e3) {
    return `${sign}${nanoseconds}ns`;
  }
  if (nanoseconds < 1e6) {
    const whole = Math.floor(nanoseconds / 1e3);
    return `${sign}${whole}${fractions[nanoseconds - whole * 1e3]}µs`;
  }
  if (nanoseconds < 1e9) {
    return `${sign}${nanoseconds / 1e6}ms`;
  }
  const minutes = Math.floor(nanoseconds / 6e10);
  const seconds = `${(nanoseconds - minutes * 6e10) / 1e9}s`;
  if (minutes === 0) {
    return `${sign}${seconds}`;
  }
  const hours = Math.floor(minutes / 60);
  return hours === 0
    ? `${sign}${minutes}m${seconds}`
    : `${sign}${hours}h${minutes - hours * 60}m${seconds}`;
}

/** A formatter of times in the process's zone as RFC3339Nano; keeps the text of the current second and millisecond. */
export function createRfc3339(): (timeMs: number) => string {
  let currentMs = Number.NaN;
  let currentSecond = Number.NaN;
  let head = '';
  let zone = '';
  let text = '';
  return (timeMs) => {
    if (timeMs === currentMs) {
      return text;
    }
    currentMs = timeMs;
    const second = Math.floor(timeMs / 1000);
    if (second !== currentSecond) {
      currentSecond = second;
      const date = new Date(second * 1000);
      head = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${clockText(date)}`;
      const offset = zoneText(date, ':');
      zone = offset === '+00:00' ? 'Z' : offset;
    }
    text = head + fractions[Math.floor(timeMs - second * 1000)] + zone;
    return text;
  };
}

const monthNames = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** A formatter of times as access logs have them, `25/Nov/2026:03:07:27 +0000`; keeps the current second's text. */
export function createApacheTime(): (timeMs: number) => string {
  let currentSecond = Number.NaN;
  let text = '';
  return (timeMs) => {
    const second = Math.floor(timeMs / 1000);
    if (second !== currentSecond) {
      currentSecond = second;
      const date = new Date(second * 1000);
      text = `${two(date.getDate())}/${monthNames[date.getMonth()]}/${date.getFullYear()}:${clockText(date)} ${zoneText(date, '')}`;
    }
    return text;
  };
}

function clockText(date: Date): string {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function zoneText(date: Date, separator: string): string {
  const eastMinutes = -date.getTimezoneOffset();
  const size = Math.abs(eastMinutes);
  return `${eastMinutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${separator}${two(size % 60)}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
