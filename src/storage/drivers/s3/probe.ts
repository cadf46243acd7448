/**
 * Asks the bucket one question at start, so that a wrong key, name, region or host is said then, in words, and not at the
 * first push. Lists instead of HeadBucket, whose answers carry no reason.
 */

import type { Logger } from '../../../observe/logger.ts';
import { DriverCode, DriverError } from '../../driver.ts';
import { failureOf, isTransient, type S3Failure, silentCode } from './errors.ts';
import { listPage } from './list-page.ts';
import type { ObjectStore } from './object-store.ts';
import { driverName } from './settings.ts';

/** @throws DriverError with one line for the operator */
export async function probe(store: ObjectStore, logger: Logger): Promise<void> {
  const { bucket, root } = store.settings;
  try {
    const identity = await store.client.config.credentials();
    logger.info('s3 credentials found', { source: credentialSource(identity), bucket });
    await listPage(store, { prefix: root === '' ? '' : `${root}/`, maxKeys: 1 });
  } catch (error) {
    throw new DriverError(driverName, DriverCode.failed, reason(store, failureOf(error)), {
      retryable: isTransient(error),
      cause: error,
    });
  }
}

/** The SDK notes which provider won in `$source`, as keys like `CREDENTIALS_ENV_VARS`. */
function credentialSource(identity: object): string {
  const { $source } = identity as { $source?: object };
  const names = Object.keys($source ?? {}).map((name) =>
    name
      .replace(/^CREDENTIALS_/, '')
      .toLowerCase()
      .replaceAll('_', ' '),
  );
  return names.join(', ') || 'configuration';
}

function reason(store: ObjectStore, failure: S3Failure): string {
  const { bucket, region, endpoint } = store.settings;
  const where = endpoint ?? `AWS region ${region}`;
  const { code, message } = failure;
  switch (code) {
    case 'NoSuchBucket':
      return `bucket ${bucket} does not exist at ${where}; it is never created`;
    case 'InvalidAccessKeyId':
      return `the access key is not known at ${where}`;
    case 'SignatureDoesNotMatch':
      return `the secret key does not fit the access key at ${where} (${message})`;
    case 'AccessDenied':
    case 'Forbidden':
    case '403':
      return `the credentials may not list bucket ${bucket} at ${where}: s3:ListBucket is needed (${message})`;
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException':
      return `bucket ${bucket} is not in region ${region}: ${message}`;
    case 'RequestTimeTooSkewed':
      return `the clock of this machine differs too much from that of ${where}`;
    case 'CredentialsProviderError':
      return `no credentials: neither accesskey and secretkey nor the environment, a profile, a web identity, a container or the instance gave any (${message})`;
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ECONNRESET':
    case 'TimeoutError':
    case silentCode:
      return `cannot reach ${where}: ${message || code}`;
    default:
      return `bucket ${bucket} at ${where} cannot be used: ${code}: ${message}`;
  }
}
