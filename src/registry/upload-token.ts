/**
 * The `_state` token of an upload: what the client carries between requests, signed with `http.secret` so that any
 * instance (and Distribution itself) with that secret goes on from it. Format [must] of reference 3.1:
 * URL-safe base64 with padding of HMAC-SHA256(secret, json) and json.
 */

import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import { CodedError } from '../errors.ts';

export interface UploadToken {
  readonly name: string;
  readonly id: string;
  readonly offset: number;
  readonly startedAtMs: number;
}

const macBytes = 32;
/** Longer is no token of ours; bounds what is decoded. */
const maxTokenChars = 4096;

export function signUploadToken(secret: KeyObject, token: UploadToken): string {
  const json = Buffer.from(
    `{"Name":${JSON.stringify(token.name)},"UUID":${JSON.stringify(token.id)},"Offset":${token.offset},"StartedAt":"${formatTime(token.startedAtMs)}"}`,
  );
  const text = Buffer.concat([hmac(secret, json), json]).toString('base64');
  return text.replaceAll('+', '-').replaceAll('/', '_');
}

/** @throws `BLOB_UPLOAD_INVALID` not ours, or of another session */
export function verifyUploadToken(
  secret: KeyObject,
  text: string,
  expected: { name: string; id: string },
): UploadToken {
  const bytes = Buffer.from(text.length > maxTokenChars ? '' : text, 'base64url');
  const json = bytes.subarray(macBytes);
  if (json.length === 0 || !timingSafeEqual(bytes.subarray(0, macBytes), hmac(secret, json))) {
    throw invalidToken('invalid secret');
  }
  const token = JSON.parse(json.toString('utf8')) as Record<string, unknown>;
  const { Name: name, UUID: id, Offset: offset, StartedAt: startedAt } = token;
  if (name !== expected.name || id !== expected.id) {
    throw invalidToken(undefined);
  }
  const startedAtMs = Date.parse(String(startedAt));
  if (!Number.isSafeInteger(offset) || Number.isNaN(startedAtMs)) {
    throw invalidToken('malformed upload state');
  }
  return { name: expected.name, id: expected.id, offset: offset as number, startedAtMs };
}

function invalidToken(detail: string | undefined): CodedError {
  return new CodedError('BLOB_UPLOAD_INVALID', 'blob upload invalid', { detail });
}

function hmac(secret: KeyObject, json: Buffer): Buffer {
  return createHmac('sha256', secret).update(json).digest();
}

/** RFC 3339 as Go prints it: the fraction without trailing zeros, absent when zero. */
function formatTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.?0+Z$/, 'Z');
}
