/**
 * The folder of `http.tls.letsencrypt.cachefile`: account key and one certificate per host, kept over restarts.
 * Names and format are those of Distribution's cache, so that neither a move here nor one back orders anew.
 *
 * ```
 *   <cachefile>/acme_account+key     EC private key, PEM
 *   <cachefile>/<host>               EC private key, then the certificate chain, PEM
 *   <cachefile>/<host>+token         the same, for the tls-alpn-01 challenge that is open
 *   <cachefile>/<host>+lock          there while one of the processes that share the folder orders (ours)
 * ```
 */

import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText, hasCode } from '../../src/errors.ts';
import { tlsFault } from './context-options.ts';

const accountFile = 'acme_account+key';
/** An order takes a minute at most; an older lock is what a dead process left. */
const staleLockMs = 600_000;

export interface HostCertificate {
  readonly key: string;
  /** The chain, leaf first. */
  readonly cert: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface AcmeCache {
  /** Makes the folder. @throws CodedError `TLS_CONFIG_INVALID` when it cannot be used. */
  open(): Promise<void>;
  accountKey(): Promise<string | undefined>;
  putAccountKey(key: string): Promise<void>;
  /** `undefined` when there is none, or what is there is broken or for another host. */
  certificate(host: string): Promise<HostCertificate | undefined>;
  putCertificate(host: string, key: string, cert: string): Promise<HostCertificate>;
  /** Key and certificate of the open challenge, whichever process opened it. */
  challenge(host: string): Promise<{ key: string; cert: string } | undefined>;
  putChallenge(host: string, key: string, cert: string): Promise<void>;
  removeChallenge(host: string): Promise<void>;
  /** Claims the right to order; `undefined` while another process has it. */
  lock(host: string): Promise<(() => Promise<void>) | undefined>;
}

export function createAcmeCache(folder: string): AcmeCache {
  async function read(name: string): Promise<string | undefined> {
    try {
      return await readFile(join(folder, name), 'utf8');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** Whole or not at all: another instance may read meanwhile. */
  async function write(name: string, text: string): Promise<void> {
    const draft = join(folder, `.${randomUUID()}`);
    try {
      await writeFile(draft, text, { mode: 0o600, flush: true });
      await rename(draft, join(folder, name));
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  return {
    async open(): Promise<void> {
      const found = await stat(folder).catch(() => undefined);
      if (found !== undefined && !found.isDirectory()) {
        throw tlsFault(
          `http.tls.letsencrypt.cachefile: ${folder} is a file, a folder is needed for several certificates`,
        );
      }
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
      } catch (error) {
        throw tlsFault(
          `http.tls.letsencrypt.cachefile: cannot make ${folder}: ${errorText(error)}`,
          error,
        );
      }
    },
    accountKey: () => read(accountFile),
    putAccountKey: (key) => write(accountFile, toSec1(key)),
    async certificate(host: string): Promise<HostCertificate | undefined> {
      const text = await read(host);
      return text === undefined ? undefined : tryParse(host, text);
    },
    async putCertificate(host: string, key: string, cert: string): Promise<HostCertificate> {
      const text = `${toSec1(key)}${cert}`;
      const parsed = tryParse(host, text);
      if (parsed === undefined) throw new Error('the ACME server gave a certificate of no use');
      await write(host, text);
      return parsed;
    },
    async challenge(host: string): Promise<{ key: string; cert: string } | undefined> {
      const text = await read(`${host}+token`);
      return text === undefined ? undefined : splitPem(text);
    },
    putChallenge: (host, key, cert) => write(`${host}+token`, `${toSec1(key)}${cert}`),
    removeChallenge: (host) => rm(join(folder, `${host}+token`), { force: true }),
    async lock(host: string): Promise<(() => Promise<void>) | undefined> {
      const path = join(folder, `${host}+lock`);
      const found = await stat(path).catch(() => undefined);
      if (found !== undefined && Date.now() - found.mtimeMs > staleLockMs) {
        await rm(path, { force: true });
      }
      try {
        await writeFile(path, String(process.pid), { flag: 'wx', mode: 0o600 });
      } catch (error) {
        if (hasCode(error, 'EEXIST')) return undefined;
        throw error;
      }
      return () => rm(path, { force: true });
    },
  };
}

function tryParse(host: string, text: string): HostCertificate | undefined {
  try {
    const { key, cert } = splitPem(text);
    const leaf = new X509Certificate(cert);
    if (!leaf.checkPrivateKey(createPrivateKey(key)) || leaf.checkHost(host) === undefined) {
      return undefined;
    }
    return {
      key,
      cert,
      notBeforeMs: Date.parse(leaf.validFrom),
      notAfterMs: Date.parse(leaf.validTo),
    };
  } catch {
    // Half written by a process that died, or not ours: a new order replaces it.
    return undefined;
  }
}

function splitPem(text: string): { key: string; cert: string } {
  const certAt = text.indexOf('-----BEGIN CERTIFICATE-----');
  return { key: text.slice(0, certAt), cert: text.slice(certAt) };
}

/** The older PEM form of an EC key, which is what Distribution reads. */
function toSec1(key: string): string {
  return createPrivateKey(key).export({ type: 'sec1', format: 'pem' }).toString();
}
