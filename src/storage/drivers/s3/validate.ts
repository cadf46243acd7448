/**
 * Turns the operator's options into S3Settings: fills defaults and refuses combinations that S3 would only refuse
 * later, request by request. Called once at start; reaches no network (probe.ts does).
 */

import { constants } from 'node:buffer';
import { maskedUrl } from '../../../options/masked-url.ts';
import { DriverCode, DriverError } from '../../driver.ts';
import type { S3Options } from './options.ts';
import {
  driverName,
  maxPartBytes,
  minPartBytes,
  type ObjectHeaders,
  type S3Settings,
} from './settings.ts';

// The region patterns of the partitions in AWS's endpoint rules.
const knownRegion: RegExp =
  /^(((us|eu|ap|sa|ca|me|af|il|mx|cn)-\w+-\d+)|(us-gov|us-iso|us-isob|eu-isoe|us-isof|eusc-de)-\w+-\d+)$/;

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
  const faults = [
    ...requiredFaults(options),
    ...sizeFaults(options),
    ...combinationFaults(options),
  ];
  if (options.chunksize > constants.MAX_LENGTH && options.chunksize <= maxPartBytes) {
    faults.push(
      `chunksize ${options.chunksize} is more than one buffer of this Node.js can hold (${constants.MAX_LENGTH})`,
    );
  }
  const endpoint = tryEndpoint(options, faults);
  const redirectEndpoint = tryRedirectEndpoint(options, faults);
  if (faults.length > 0) {
    throw new DriverError(driverName, DriverCode.failed, faults.join('; '));
  }
  const warnings: string[] = [];
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

function requiredFaults(options: S3Options): string[] {
  const faults: string[] = [];
  if (!options.bucket) {
    faults.push('no bucket parameter provided');
  }
  if (!options.regionendpoint) {
    if (!options.region) {
      faults.push('no region parameter provided');
    } else if (!knownRegion.test(options.region)) {
      faults.push(`invalid region provided: ${options.region}`);
    }
  }
  const hasKey = options.accesskey !== undefined && !options.accesskey.isEmpty;
  const hasSecret = options.secretkey !== undefined && !options.secretkey.isEmpty;
  if (hasKey !== hasSecret) {
    faults.push(
      'accesskey and secretkey must be given together (or neither, for the default chain)',
    );
  }
  return faults;
}

function sizeFaults(options: S3Options): string[] {
  const bounds: [string, number | undefined, number, number][] = [
    ['chunksize', options.chunksize, minPartBytes, maxPartBytes],
    ['multipartcopychunksize', options.multipartcopychunksize, minPartBytes, maxPartBytes],
    ['multipartcopymaxconcurrency', options.multipartcopymaxconcurrency, 1, 2 ** 31 - 1],
    ['multipartcopythresholdsize', options.multipartcopythresholdsize, 0, maxPartBytes],
  ];
  return bounds
    .filter(([, value, low, high]) => value !== undefined && (value < low || value > high))
    .map(
      ([name, value, low, high]) =>
        `the ${name} ${value} parameter should be a number between ${low} and ${high} (inclusive)`,
    );
}

function combinationFaults(options: S3Options): string[] {
  const faults: string[] = [];
  if (!options.v4auth) {
    faults.push(
      isAws(options)
        ? 'v4auth: false is refused by AWS, which only takes signature version 4'
        : 'v4auth: false (signature version 2) is not supported; remove the key to sign with version 4',
    );
  }
  if (options.accelerate) {
    if (options.regionendpoint) {
      faults.push('accelerate cannot be used with regionendpoint');
    }
    if (options.forcepathstyle) {
      faults.push('accelerate cannot be used with forcepathstyle');
    }
    if (options.usefipsendpoint) {
      faults.push('accelerate cannot be used with usefipsendpoint');
    }
    if (options.bucket.includes('.')) {
      faults.push(`accelerate cannot be used with a dot in the bucket name (${options.bucket})`);
    }
  }
  for (const name of ['usefipsendpoint', 'usedualstack'] as const) {
    if (options[name] && options.regionendpoint) {
      faults.push(`${name} cannot be used with regionendpoint`);
    }
  }
  return faults;
}

function isAws(options: S3Options): boolean {
  return !options.regionendpoint || options.regionendpoint.includes('s3.amazonaws.com');
}

function tryEndpoint(options: S3Options, faults: string[]): URL | undefined {
  const text = options.regionendpoint;
  if (!text) {
    return undefined;
  }
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
  const scheme = options.secure ? 'https' : 'http';
  const url = tryHttpUrl(hasScheme ? text : `${scheme}://${text}`);
  if (url === undefined) {
    faults.push(`invalid regionendpoint provided: ${maskedUrl(text)}`);
  }
  return url;
}

function tryRedirectEndpoint(options: S3Options, faults: string[]): URL | undefined {
  const text = options.redirectendpoint;
  if (!text) {
    return undefined;
  }
  const url = tryHttpUrl(text);
  if (url === undefined) {
    faults.push(
      `invalid redirectendpoint provided: ${maskedUrl(text)} (an http or https URL is needed)`,
    );
  } else if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    faults.push(`redirectendpoint ${maskedUrl(text)} must have neither a path nor a query`);
  }
  return url;
}

function tryHttpUrl(text: string): URL | undefined {
  try {
    const url = new URL(text);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined;
  } catch {
    // Said by the caller, with the key's name.
    return undefined;
  }
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
