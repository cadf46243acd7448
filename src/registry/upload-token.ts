/**
 * The `_state` token of an upload: what the client carries between requests, signed with `http.secret` so that any
 * instance (and Distribution itself) with that secret goes on from it. Format [must] of reference 3.1:
 * URL-safe base64 with padding of HMAC-SHA256(secret, json) and json.
 */

import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { CodedError, hasCode } from '../errors.ts';

export interface UploadToken {
  readonly name: string;
  readonly id: string;
  readonly offset: number;
  readonly startedAtMs: number;
}

const macBytes = 32;
/** Longer is no token of ours; bounds what is decoded. */
const maxTokenChars = 4096;
/** Sessions whose latest token is remembered, some 400 bytes each. */
const maxRemembered = 4096;

interface Signed {
  text: string;
  token: UploadToken;
}

export class UploadTokens {
  readonly #secret: KeyObject;
  /** By session, the latest that this process signed: most come back, and reading one takes as long as signing it. */
  readonly #signed: LRUCache<string, Signed> = new LRUCache({ max: maxRemembered });

  constructor(secret: KeyObject) {
    this.#secret = secret;
  }

  sign(token: UploadToken): string {
    const json = Buffer.from(
      `{"Name":${JSON.stringify(token.name)},"UUID":${JSON.stringify(token.id)},"Offset":${token.offset},"StartedAt":"${formatTime(token.startedAtMs)}"}`,
    );
    const base64 = Buffer.concat([this.#mac(json), json]).toString('base64');
    const text = base64.replaceAll('+', '-').replaceAll('/', '_');
    const signed = this.#signed.get(token.id);
    if (signed === undefined) {
      this.#signed.set(token.id, { text, token });
    } else {
      signed.text = text;
      signed.token = token;
    }
    return text;
  }

  /** @throws `BLOB_UPLOAD_INVALID` not ours, or of another session */
  verify(text: string, expected: { name: string; id: string }): UploadToken {
    const signed = this.#signed.get(expected.id);
    const token = signed?.text === text ? signed.token : this.#read(text);
    if (token.name !== expected.name || token.id !== expected.id) {
      throw invalidToken(undefined);
    }
    return token;
  }

  /** As `verify`; `undefined` for what is no token of this session. */
  tryVerify(text: string, expected: { name: string; id: string }): UploadToken | undefined {
    try {
      return this.verify(text, expected);
    } catch (error) {
      if (hasCode(error, 'BLOB_UPLOAD_INVALID')) {
        return undefined;
      }
      throw error;
    }
  }

  #read(text: string): UploadToken {
    const bytes = Buffer.from(text.length > maxTokenChars ? '' : text, 'base64url');
    const json = bytes.subarray(macBytes);
    if (json.length === 0 || !timingSafeEqual(bytes.subarray(0, macBytes), this.#mac(json))) {
      throw invalidToken('invalid secret');
    }
    const token = JSON.parse(json.toString('utf8')) as Record<string, unknown>;
    const { Name: name, UUID: id, Offset: offset, StartedAt: startedAt } = token;
    const startedAtMs = Date.parse(String(startedAt));
    if (
      typeof name !== 'string' ||
      typeof id !== 'string' ||
      !Number.isSafeInteger(offset) ||
      Number.isNaN(startedAtMs)
    ) {
      throw invalidToken('malformed upload state');
    }
    return { name, id, offset: offset as number, startedAtMs };
  }

  #mac(json: Buffer): Buffer {
    return createHmac('sha256', this.#secret).update(json).digest();
  }
}

function invalidToken(detail: string | undefined): CodedError {
  return new CodedError('BLOB_UPLOAD_INVALID', 'blob upload invalid', { detail });
}

/** RFC 3339 as Go prints it: the fraction without trailing zeros, absent when zero. */
function formatTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.?0+Z$/, 'Z');
}
