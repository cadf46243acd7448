/**
 * Quotes a value for a `Www-Authenticate` parameter the way Distribution prints it (Go's %q).
 * Used by every challenge; builds no challenge itself.
 */

const named = new Map<number, string>([
  [0x07, '\\a'],
  [0x08, '\\b'],
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0b, '\\v'],
  [0x0c, '\\f'],
  [0x0d, '\\r'],
  [0x22, '\\"'],
  [0x5c, '\\\\'],
]);

/**
 * `text` in double quotes with Go's backslash escapes.
 *
 * Characters beyond ASCII are escaped too (Go's %+q): a header line cannot carry them on every front end, and part
 * of what is quoted (the Host header, repository names) comes from the client.
 */
export function quote(text: string): string {
  let quoted = '"';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const special = named.get(code);
    if (special !== undefined) quoted += special;
    else if (code < 0x20 || code === 0x7f) quoted += `\\x${code.toString(16).padStart(2, '0')}`;
    else if (code < 0x7f) quoted += character;
    else if (code < 0x10000) quoted += `\\u${code.toString(16).padStart(4, '0')}`;
    else quoted += `\\U${code.toString(16).padStart(8, '0')}`;
  }
  return `${quoted}"`;
}
