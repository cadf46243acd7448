/**
 * Answers that the front end gives by itself, before or instead of the handler: broken framing, floods, timeouts.
 * In the registry's JSON envelope, since docker and its kin print nothing else.
 */

import { STATUS_CODES } from 'node:http';
import type { Reply } from '../src/http/exchange.ts';

export function refusal(status: number, code: string, message: string): Reply & { body: string } {
  return {
    status,
    headers: [['Content-Type', 'application/json']],
    body: `${JSON.stringify({ errors: [{ code, message }] })}\n`,
  };
}

/** The bytes of a refusal for a connection whose parser has given up; always closes. */
export function rawRefusal(status: number, code: string, message: string): string {
  const { body } = refusal(status, code, message);
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/json',
    'Connection: close',
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}
