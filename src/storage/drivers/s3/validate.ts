/**
 * Turns the operator's options into S3Settings: fills defaults and refuses what check-options.ts finds wrong. Called
 * once at start; reaches no network (probe.ts does).
 */

import { DriverCode, DriverError } from '../../driver.ts';
import { s3Faults, tryEndpoint, tryRedirectEndpoint } from './check-options.ts';
import type { S3Options } from './options.ts';
import { driverName, type ObjectHeaders, type S3Settings } from './settings.ts';

/** Settings, and what the operator should be told without stopping the start. */
export interface Validated {
  readonly settings: S3Settings;
  readonly warnings: readonly string[];
}

/**
 * @param environment  Read for `AWS_CA_BUNDLE` and for `AWS_REQUEST_CHECKSUM_CALCULATION`, the SDK's own way to ask
 *                     for checksums that S3 does not require, which R2, Ceph and older MinIO refuse.
 * @throws DriverError with every fault of the section in one line.
 */
export function validate(
  options: S3Options,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Validated {
  const faults = s3Faults(options);
  if (faults.length > 0) {
    const text = faults.map(({ message }) => message).join('; ');
    throw new DriverError(driverName, DriverCode.failed, text);
  }
  const endpoint = tryEndpoint(options);
  const redirectEndpoint = tryRedirectEndpoint(options);
  const warnings: string[] = [];
  if (endpoint !== undefined && (endpoint.username !== '' || endpoint.password !== '')) {
    warnings.push('the user info in regionendpoint is not used: set accesskey and secretkey');
    // The endpoint is named in messages.
    endpoint.username = '';
    endpoint.password = '';
  }
  const forcePathStyle = pathStyle(options, endpoint, warnings);
  const headers = objectHeaders(options, warnings);
  const accessKey = options.accesskey?.reveal() ?? '';
  return {
    warnings,
    settings: {
      bucket: options.bucket,
      region: options.region || 'us-east-1',
      ...(endpoint && { endpoint: endpoint.href.replace(/\/$/, '') }),
      forcePathStyle,
      ...(accessKey !== '' && {
        credentials: {
          accessKeyId: accessKey,
          secretAccessKey: options.secretkey?.reveal() ?? '',
        },
      }),
      skipVerify: options.skipverify,
      ...(environment['AWS_CA_BUNDLE'] && { caFile: environment['AWS_CA_BUNDLE'] }),
      accelerate: options.accelerate,
      dualStack: options.usedualstack,
      fips: options.usefipsendpoint,
      userAgent: options.useragent ?? '',
      logLevel: options.loglevel,
      checksums:
        environment['AWS_REQUEST_CHECKSUM_CALCULATION']?.toUpperCase() === 'WHEN_SUPPORTED'
          ? 'WHEN_SUPPORTED'
          : 'WHEN_REQUIRED',
      root: options.rootdirectory.replace(/^\/+|\/+$/g, ''),
      chunkBytes: options.chunksize,
      copyPartBytes: options.multipartcopychunksize,
      copyConcurrency: options.multipartcopymaxconcurrency,
      ...(options.multipartcopythresholdsize !== undefined && {
        copyThresholdBytes: options.multipartcopythresholdsize,
      }),
      objectHeaders: headers,
      ...(redirectEndpoint && { redirectEndpoint: redirectEndpoint.origin }),
    },
  };
}

/** A bucket cannot be a subdomain of an IP address or of a bare host name, so path style is assumed there. */
function pathStyle(options: S3Options, endpoint: URL | undefined, warnings: string[]): boolean {
  if (endpoint === undefined || options.forcepathstyle) {
    return options.forcepathstyle;
  }
  const isBare = /^[\d.]+$|^\[/.test(endpoint.hostname) || !endpoint.hostname.includes('.');
  if (!isBare) {
    return false;
  }
  warnings.push(
    `regionendpoint ${endpoint.host} cannot carry the bucket as a subdomain: using path style (set forcepathstyle: true)`,
  );
  return true;
}

function objectHeaders(options: S3Options, warnings: string[]): ObjectHeaders {
  const storageClass = options.storageclass.toUpperCase();
  if (options.keyid && !options.encrypt) {
    warnings.push('keyid is ignored because encrypt is not true');
  }
  return {
    ACL: options.objectacl,
    ...(storageClass !== 'NONE' && { StorageClass: storageClass }),
    ...(options.encrypt && { ServerSideEncryption: options.keyid ? 'aws:kms' : 'AES256' }),
    ...(options.encrypt && options.keyid && { SSEKMSKeyId: options.keyid }),
  };
}
