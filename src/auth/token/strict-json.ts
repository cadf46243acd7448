/** Reads the JSON parts of a token: UTF-8, an object, and not nested deeper than any real token. Pure. */

import { TokenRefused } from './token-refused.ts';

/** `access` entries need three levels; `jwk` in a header two. */
const maxDepth = 16;

/** @throws TokenRefused */
export function parseJsonObject(bytes: Uint8Array, what: string): Record<string, unknown> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new TokenRefused(`the ${what} is not UTF-8`, { cause });
  }
  // Before parsing, so that hostile nesting costs a scan and no objects.
  if (isTooDeep(text)) throw new TokenRefused(`the ${what} is nested too deeply`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Without the cause: the parser quotes the text.
    throw new TokenRefused(`the ${what} is not JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TokenRefused(`the ${what} is not a JSON object`);
  }
  return value as Record<string, unknown>;
}

function isTooDeep(text: string): boolean {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (isInString) {
      if (character === '\\') at += 1;
      else if (character === '"') isInString = false;
    } else if (character === '"') isInString = true;
    else if (character === '{' || character === '[') {
      depth += 1;
      if (depth > maxDepth) return true;
    } else if (character === '}' || character === ']') depth -= 1;
  }
  return false;
}
