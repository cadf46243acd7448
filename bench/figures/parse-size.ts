/** Sizes as people write them. */

const factors: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** `64KiB`, `4 MiB`, `1048576`: bytes. Throws on anything else. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?(|B|KiB|MiB|GiB)$/.exec(text.trim());
  const factor = factors[match?.[2] ?? 'none'];
  if (match === null || factor === undefined) {
    throw new RangeError(`a size is like 64KiB or 4MiB, not ${JSON.stringify(text)}`);
  }
  const bytes = Math.round(Number(match[1]) * factor);
  if (!Number.isSafeInteger(bytes)) {
    throw new RangeError(`${text} is no size of this world`);
  }
  return bytes;
}
