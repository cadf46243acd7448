/**
 * The `cloudfront` middleware: clients fetch blobs of an S3 bucket through Amazon CloudFront, with signed URLs. Clients
 * inside AWS may be sent to the bucket instead.
 *
 * @see CloudFront developer guide, "Create a signed URL using a canned policy"
 */

import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CodedError, errorText } from '../../errors.ts';
import type { Logger } from '../../observe/logger.ts';
import { tryParseGoDuration } from '../../options/go-duration.ts';
import type { StorageDriver } from '../driver.ts';
import type { CloudfrontOptions } from '../middleware-options.ts';
import { AwsAddresses } from './aws-addresses.ts';
import { withRedirectUrl } from './with-redirect-url.ts';

const defaultDurationMs = 20 * 60_000;
const defaultUpdateMs = 12 * 3_600_000;

export interface CloudfrontParts {
  /** Key of the object at a storage path. */
  readonly keyOf: (path: string) => string;
  readonly logger: Logger;
  readonly nowMs?: () => number;
}

/** @throws CodedError `OPTION_INVALID` the private key cannot be used */
export async function cloudfronted(
  driver: StorageDriver,
  options: CloudfrontOptions,
  { keyOf, logger, nowMs = Date.now }: CloudfrontParts,
): Promise<{ readonly driver: StorageDriver; readonly stop: () => void }> {
  const key = await readKey(options.privatekey);
  const durationMs = durationOf(options.duration, defaultDurationMs);
  const base = withScheme(options.baseurl);
  const inside = insiders(options, logger);
  inside?.start();
  return {
    driver: withRedirectUrl(driver, (path, request) => {
      if (inside?.has(request.clientAddress)) {
        return driver.redirectUrl(path, request);
      }
      const url = base + encodeURI(keyOf(path));
      const expires = Math.floor((nowMs() + durationMs) / 1000);
      return Promise.resolve(signedUrl(url, expires, options.keypairid, key));
    }),
    stop: () => inside?.stop(),
  };
}

/** @param expires  Seconds since the epoch. */
export function signedUrl(url: string, expires: number, keyPairId: string, key: KeyObject): string {
  // The canned policy, which the service rebuilds from the URL: to the letter, in this order, without a blank.
  const policy = `{"Statement":[{"Resource":"${url}","Condition":{"DateLessThan":{"AWS:EpochTime":${expires}}}}]}`;
  const signature = sign('RSA-SHA1', Buffer.from(policy), key)
    .toString('base64')
    .replaceAll('+', '-')
    .replaceAll('=', '_')
    .replaceAll('/', '~');
  return `${url}?Expires=${expires}&Signature=${signature}&Key-Pair-Id=${encodeURIComponent(keyPairId)}`;
}

function insiders(options: CloudfrontOptions, logger: Logger): AwsAddresses | undefined {
  const { awsregion = '', ipfilteredby, iprangesurl, updatefrequency } = options;
  if (ipfilteredby === 'none') {
    return undefined;
  }
  const regions = awsregion.split(',').map((region) => region.trim().toLowerCase());
  return new AwsAddresses(
    {
      url: iprangesurl,
      updateMs: durationOf(updatefrequency, defaultUpdateMs),
      regions: ipfilteredby === 'awsregion' ? new Set(regions) : undefined,
    },
    logger,
  );
}

async function readKey(path: string): Promise<KeyObject> {
  let pem: string;
  try {
    pem = await readFile(path, 'utf8');
  } catch (error) {
    throw invalid(`failed to read privatekey file: ${errorText(error)}`);
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw invalid(`privatekey: ${path} holds no PEM private key that can be read`);
  }
  if (key.asymmetricKeyType !== 'rsa') {
    throw invalid(`privatekey: ${path} is no RSA key`);
  }
  return key;
}

function invalid(message: string): CodedError {
  return new CodedError('OPTION_INVALID', `middleware.storage (cloudfront): ${message}`);
}

function withScheme(baseurl: string): string {
  const url = baseurl.includes('://') ? baseurl : `https://${baseurl}`;
  return url.endsWith('/') ? url : `${url}/`;
}

/** A value without a unit was warned about at load. */
function durationOf(value: unknown, defaultMs: number): number {
  return (typeof value === 'string' ? tryParseGoDuration(value) : undefined) ?? defaultMs;
}
