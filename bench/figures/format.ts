/** How numbers are written, in the table and in the report alike. */

const mib = 1024 ** 2;

/** Three figures that matter: `7.93`, `79.3`, `793`, `7,930`. */
export function number(value: number): string {
  if (!Number.isFinite(value)) {
    return '–';
  }
  const size = Math.abs(value);
  const digits = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

export function percent(share: number): string {
  return `±${(share * 100).toFixed(0)} %`;
}

/** `5.2x`, `0.48x`, `0.014x`. */
export function times(ratio: number): string {
  const digits = ratio < 0.1 ? 3 : ratio < 1 ? 2 : 1;
  return Number.isFinite(ratio) ? `${ratio.toFixed(digits)}x` : '–';
}

export function mebibytes(bytes: number): string {
  return `${number(bytes / mib)} MiB`;
}

/** What a load adds to memory at rest; empty when that is not known. */
export function addedMemory(peakBytes: number, restBytes: number | undefined): string {
  return restBytes === undefined ? '' : `+${mebibytes(Math.max(0, peakBytes - restBytes))}`;
}

/** CPU time of a unit: `41 µs`, `5.2 ms`. */
export function cpuTime(milliseconds: number): string {
  return milliseconds < 1 ? `${number(milliseconds * 1000)} µs` : `${number(milliseconds)} ms`;
}

/** How long one request or job took; empty when that is not known. autocannon counts in whole milliseconds. */
export function latency(milliseconds: number | undefined): string {
  if (milliseconds === undefined) {
    return '';
  }
  return milliseconds === 0 ? '<1 ms' : `${number(milliseconds)} ms`;
}

const singular: Readonly<Record<string, string>> = {
  'images/s': 'image',
  'requests/s': 'request',
  'pushes/s': 'push',
  'operations/s': 'operation',
  'MiB/s': 'MiB',
};

/** One of what a rate counts: `image` for `images/s`. */
export function oneUnit(unit: string): string {
  return singular[unit] ?? unit;
}
