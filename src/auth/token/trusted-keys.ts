/**
 * The keys that tokens are checked with: from the root certificate bundle and the JWKS file, followed as they change.
 * Owned by token.ts.
 */

import { X509Certificate } from 'node:crypto';
import { CodedError, errorText } from '../../errors.ts';
import type { Logger } from '../../observe/logger.ts';
import { createWatchedFile, type WatchedFile } from '../watched-file.ts';
import { parseJwks } from './jwks.ts';
import { keyIdsOf } from './key-id.ts';
import { describeKey, type SigningKey } from './signing-key.ts';

export interface KeySet {
  readonly byId: ReadonlyMap<string, SigningKey>;
  /** Roots of `x5c` chains. */
  readonly roots: readonly X509Certificate[];
}

export interface TrustedKeysSettings {
  readonly rootcertbundle: string | undefined;
  readonly jwks: string | undefined;
  readonly logger: Logger;
  /** Other keys are in use now: forget what was concluded from the old ones. */
  onChange(): void;
  readonly pollMs?: number;
}

export interface TrustedKeys {
  /** The present set; a new object after each change. */
  readonly current: KeySet;
  start(): Promise<void>;
  reload(): Promise<void>;
  stop(): Promise<void>;
}

const noKeys: KeySet = { byId: new Map(), roots: [] };

export function createTrustedKeys(settings: TrustedKeysSettings): TrustedKeys {
  const { logger } = settings;
  let fromBundle = noKeys;
  let fromJwks: ReadonlyMap<string, SigningKey> = new Map();
  let current = noKeys;
  let isStarted = false;

  /** Puts both sources together; a key of the JWKS wins over a certificate's of the same id. */
  function join(bundle: KeySet, jwks: ReadonlyMap<string, SigningKey>): void {
    const byId = new Map([...bundle.byId, ...jwks]);
    if (isStarted) assertSomeKey(byId);
    fromBundle = bundle;
    fromJwks = jwks;
    current = { byId, roots: bundle.roots };
    settings.onChange();
  }

  const files: { file: WatchedFile; openFault: string }[] = [];
  function follow(
    path: string | undefined,
    what: string,
    openFault: string,
    load: (content: Buffer) => void,
  ): void {
    if (path === undefined || path === '') return;
    const file = createWatchedFile({
      path,
      what,
      logger,
      load,
      ...(settings.pollMs === undefined ? {} : { pollMs: settings.pollMs }),
    });
    files.push({ file, openFault: `${openFault} "${path}"` });
  }

  follow(
    settings.rootcertbundle,
    'token root certificate bundle',
    'unable to open token auth root certificate bundle file',
    (content) => join(parseBundle(content), fromJwks),
  );
  follow(settings.jwks, 'jwks file', 'unable to open jwks file', (content) => {
    const { byId, remarks } = parseJwks(content);
    join(fromBundle, byId);
    for (const remark of remarks) logger.warn(`jwks file: ${remark}`, { path: settings.jwks });
  });

  return {
    get current(): KeySet {
      return current;
    },
    async start() {
      for (const { file, openFault } of files) {
        try {
          await file.start();
        } catch (error) {
          if (error instanceof CodedError) throw error;
          throw new CodedError('TOKEN_KEYS_INVALID', `${openFault}: ${errorText(error)}`, {
            cause: error,
          });
        }
      }
      assertSomeKey(current.byId);
      isStarted = true;
    },
    async reload() {
      for (const { file } of files) await file.reload();
    },
    async stop() {
      for (const { file } of files) await file.stop();
    },
  };
}

function assertSomeKey(byId: ReadonlyMap<string, SigningKey>): void {
  if (byId.size === 0) {
    throw new CodedError(
      'TOKEN_KEYS_INVALID',
      'token auth requires at least one token signing key',
    );
  }
}

const certificateBlock = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Every CERTIFICATE block of a PEM file; others are skipped. */
function parseBundle(content: Buffer): KeySet {
  const roots: X509Certificate[] = [];
  const byId = new Map<string, SigningKey>();
  for (const [block] of content.toString('latin1').matchAll(certificateBlock)) {
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(block);
    } catch (cause) {
      throw new CodedError(
        'TOKEN_KEYS_INVALID',
        `certificate ${roots.length + 1} of the token auth root certificate bundle cannot be read: ${errorText(cause)}`,
        { cause },
      );
    }
    roots.push(certificate);
    const signingKey = describeKey(certificate.publicKey);
    if (signingKey === undefined) continue;
    for (const id of keyIdsOf(certificate.publicKey)) byId.set(id, signingKey);
  }
  return { byId, roots };
}
