/**
 * The two syntaxes of ranges: chunks of an upload (`Content-Range: 0-99`, no unit) and parts of a download
 * (`Range: bytes=0-99`). Pure. distribution-spec "Pushing a blob in chunks"; RFC 9110 section 14.
 */

/** Bytes `start` to `end`, both inclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** `0-99`, and what is seen in the wild: `bytes 0-99`, `bytes=0-99`, `bytes 0-99/*`, `0-99/100`. */
const chunkGrammar =
  /^\s*(?:bytes\s*[= ]\s*)?(\d{1,15})\s*-\s*(\d{1,15})(?:\/(?:\*|\d{1,15}))?\s*$/i;

/** The chunk that a Content-Range names, or `undefined` when it cannot be read or ends before it starts. */
export function tryParseChunkRange(text: string): ByteRange | undefined {
  const match = chunkGrammar.exec(text);
  const [, first, last] = match ?? [];
  if (first === undefined || last === undefined) {
    return undefined;
  }
  const start = Number(first);
  const end = Number(last);
  return start <= end ? { start, end } : undefined;
}

/** How the bytes held so far are printed: `0-<last>`; nothing and one byte both read `0-0`, as clients expect. */
export function formatHeldRange(sizeBytes: number): string {
  return `0-${Math.max(0, sizeBytes - 1)}`;
}

/** What a Range header asks of something `sizeBytes` long. */
export type RangeRequest =
  | { readonly kind: 'whole' }
  | { readonly kind: 'parts'; readonly parts: readonly ByteRange[] }
  /** Well formed, but no part lies inside. */
  | { readonly kind: 'unsatisfiable' }
  | { readonly kind: 'malformed' };

/** More parts than this are nobody's real need: served whole. */
const maxParts = 64;

/** Reads a `Range` header as Go's ServeContent does; units other than bytes are malformed there and so here. */
export function parseRange(text: string, sizeBytes: number): RangeRequest {
  if (!text.startsWith('bytes=')) {
    return { kind: 'malformed' };
  }
  const parts: ByteRange[] = [];
  let anyOutside = false;
  for (const spec of text.slice('bytes='.length).split(',')) {
    const trimmed = spec.trim();
    if (trimmed === '') {
      continue;
    }
    const part = parsePart(trimmed, sizeBytes);
    if (part === 'malformed') {
      return { kind: 'malformed' };
    }
    if (part === 'outside') {
      anyOutside = true;
    } else {
      parts.push(part);
    }
  }
  if (parts.length === 0) {
    if (sizeBytes === 0) {
      return { kind: 'whole' };
    }
    return anyOutside ? { kind: 'unsatisfiable' } : { kind: 'whole' };
  }
  const sum = parts.reduce((total, part) => total + part.end - part.start + 1, 0);
  return parts.length > maxParts || sum > sizeBytes ? { kind: 'whole' } : { kind: 'parts', parts };
}

function parsePart(spec: string, sizeBytes: number): ByteRange | 'malformed' | 'outside' {
  const match = /^(\d*)\s*-\s*(\d*)$/.exec(spec);
  const [, first, last] = match ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) {
    return 'malformed';
  }
  if (first === '') {
    const suffix = Math.min(Number(last), sizeBytes);
    return suffix === 0 ? 'outside' : { start: sizeBytes - suffix, end: sizeBytes - 1 };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) {
    return 'malformed';
  }
  if (start >= sizeBytes) {
    return 'outside';
  }
  return { start, end: last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1) };
}
