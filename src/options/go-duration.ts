/** Durations as Go writes them (`1h30m`, `1.5h`, `100ms`): parsed into and printed from milliseconds. */

const unitNanoseconds: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  // The micro sign and the Greek letter mu both occur.
  '\u00b5s': 1e3,
  '\u03bcs': 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

const part = /(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;
/** Go keeps 63 bits of nanoseconds. */
const maxNanoseconds = 2 ** 63;

/** Milliseconds of a Go duration, or `undefined` when the text is none. A lone `0` needs no unit. */
export function tryParseGoDuration(text: string): number | undefined {
  const sign = text.startsWith('-') ? -1 : 1;
  const body = text.replace(/^[+-]/, '');
  if (body === '0') return 0;
  if (body === '') return undefined;
  let total = 0;
  part.lastIndex = 0;
  while (part.lastIndex < body.length) {
    const match = part.exec(body);
    if (match === null) return undefined;
    const [, amount, unit] = match;
    total += Number(amount) * (unitNanoseconds[unit ?? ''] ?? Number.NaN);
  }
  return total < maxNanoseconds ? (sign * total) / 1e6 || 0 : undefined;
}

/** Prints milliseconds as Go does: `1h30m0s`, `1.5s`, `100ms`, `10ns`, `0s`. */
export function formatGoDuration(milliseconds: number): string {
  const nanoseconds = Math.round(Math.abs(milliseconds) * 1e6);
  const sign = milliseconds < 0 && nanoseconds > 0 ? '-' : '';
  if (nanoseconds === 0) return '0s';
  if (nanoseconds < 1e3) return `${sign}${nanoseconds}ns`;
  if (nanoseconds < 1e6) return `${sign}${decimal(nanoseconds, 1e3)}\u00b5s`;
  if (nanoseconds < 1e9) return `${sign}${decimal(nanoseconds, 1e6)}ms`;
  const hours = Math.floor(nanoseconds / 3600e9);
  const minutes = Math.floor((nanoseconds % 3600e9) / 60e9);
  const seconds = `${decimal(nanoseconds % 60e9, 1e9)}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}

function decimal(nanoseconds: number, unit: number): string {
  const digits = Math.round(Math.log10(unit));
  const fraction = String(nanoseconds % unit)
    .padStart(digits, '0')
    .replace(/0+$/, '');
  const whole = Math.floor(nanoseconds / unit);
  return fraction === '' ? String(whole) : `${whole}.${fraction}`;
}
