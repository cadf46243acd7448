/** Reads `Authorization: Basic …` (RFC 7617). Pure; used by the htpasswd controller and its token issuer. */

export interface BasicCredentials {
  readonly user: string;
  readonly password: string;
}

const scheme = /^basic +/i;

/**
 * The credentials of a header value, or `undefined` when it is not Basic, not base64, has no colon or is not UTF-8.
 *
 * The password keeps its colons. Bytes that are not UTF-8 are refused: bcryptjs takes text, and decoding them loosely
 * would make different passwords equal.
 */
export function parseBasic(header: string): BasicCredentials | undefined {
  const match = scheme.exec(header);
  if (match === null) return undefined;
  const encoded = header.slice(match[0].length).trim();
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  const text = bytes.toString('utf8');
  if (text.includes('\ufffd') && !Buffer.from(text, 'utf8').equals(bytes)) return undefined;
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
