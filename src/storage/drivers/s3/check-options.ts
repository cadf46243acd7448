/**
 * What is wrong with the operator's S3 options: values and combinations that S3 would only refuse later, request by
 * request. Pure; asked when a configuration is checked (config/) and again at start (validate.ts).
 */

import { constants } from 'node:buffer';
import { maskedUrl } from '../../../options/masked-url.ts';
import type { S3Options } from './options.ts';
import { maxPartBytes, minPartBytes } from './settings.ts';

export interface S3Fault {
  readonly key: keyof S3Options;
  /** Names the key and what is allowed. */
  readonly message: string;
}

// The region patterns of the partitions in AWS's endpoint rules.
const knownRegion: RegExp =
  /^(((us|eu|ap|sa|ca|me|af|il|mx|cn)-\w+-\d+)|(us-gov|us-iso|us-isob|eu-isoe|us-isof|eusc-de)-\w+-\d+)$/;

export function s3Faults(options: S3Options): readonly S3Fault[] {
  return [
    ...requiredFaults(options),
    ...sizeFaults(options),
    ...combinationFaults(options),
    ...endpointFaults(options),
  ];
}

/** `regionendpoint` as a URL; `undefined` when there is none, or none that can be used. */
export function tryEndpoint({ regionendpoint, secure }: S3Options): URL | undefined {
  if (!regionendpoint) {
    return undefined;
  }
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(regionendpoint);
  return tryHttpUrl(
    hasScheme ? regionendpoint : `${secure ? 'https' : 'http'}://${regionendpoint}`,
  );
}

/** `redirectendpoint` likewise. */
export function tryRedirectEndpoint({ redirectendpoint }: S3Options): URL | undefined {
  return redirectendpoint ? tryHttpUrl(redirectendpoint) : undefined;
}

function requiredFaults(options: S3Options): S3Fault[] {
  const faults: S3Fault[] = [];
  if (!options.bucket) {
    faults.push({ key: 'bucket', message: 'no bucket parameter provided' });
  }
  if (!options.regionendpoint) {
    if (!options.region) {
      faults.push({
        key: 'region',
        message: 'no region parameter provided: required without regionendpoint',
      });
    } else if (!knownRegion.test(options.region)) {
      faults.push({ key: 'region', message: `invalid region provided: ${options.region}` });
    }
  }
  const hasKey = options.accesskey !== undefined && !options.accesskey.isEmpty;
  const hasSecret = options.secretkey !== undefined && !options.secretkey.isEmpty;
  if (hasKey !== hasSecret) {
    faults.push({
      key: hasKey ? 'secretkey' : 'accesskey',
      message: 'accesskey and secretkey must be given together (or neither, for the default chain)',
    });
  }
  return faults;
}

function sizeFaults(options: S3Options): S3Fault[] {
  const bounds: [keyof S3Options, number | undefined, number, number][] = [
    ['chunksize', options.chunksize, minPartBytes, maxPartBytes],
    ['multipartcopychunksize', options.multipartcopychunksize, minPartBytes, maxPartBytes],
    ['multipartcopymaxconcurrency', options.multipartcopymaxconcurrency, 1, 2 ** 31 - 1],
    ['multipartcopythresholdsize', options.multipartcopythresholdsize, 0, maxPartBytes],
  ];
  const faults: S3Fault[] = bounds
    .filter(([, value, low, high]) => value !== undefined && (value < low || value > high))
    .map(([key, value, low, high]) => ({
      key,
      message: `the ${key} ${value} parameter should be a number between ${low} and ${high} (inclusive)`,
    }));
  if (options.chunksize > constants.MAX_LENGTH && options.chunksize <= maxPartBytes) {
    faults.push({
      key: 'chunksize',
      message: `chunksize ${options.chunksize} is more than one buffer of this Node.js can hold (${constants.MAX_LENGTH})`,
    });
  }
  return faults;
}

function combinationFaults(options: S3Options): S3Fault[] {
  const faults: S3Fault[] = [];
  if (!options.v4auth) {
    faults.push({
      key: 'v4auth',
      message: isAws(options)
        ? 'v4auth: false is refused by AWS, which only takes signature version 4: remove the key'
        : 'v4auth: false (signature version 2) is not supported; remove the key to sign with version 4',
    });
  }
  if (options.accelerate) {
    for (const key of ['regionendpoint', 'forcepathstyle', 'usefipsendpoint'] as const) {
      if (options[key]) {
        faults.push({ key: 'accelerate', message: `accelerate cannot be used with ${key}` });
      }
    }
    if (options.bucket?.includes('.')) {
      faults.push({
        key: 'accelerate',
        message: `accelerate cannot be used with a dot in the bucket name (${options.bucket})`,
      });
    }
  }
  for (const key of ['usefipsendpoint', 'usedualstack'] as const) {
    if (options[key] && options.regionendpoint) {
      faults.push({ key, message: `${key} cannot be used with regionendpoint` });
    }
  }
  return faults;
}

function isAws(options: S3Options): boolean {
  return !options.regionendpoint || options.regionendpoint.includes('s3.amazonaws.com');
}

function endpointFaults(options: S3Options): S3Fault[] {
  const faults: S3Fault[] = [];
  const { redirectendpoint, regionendpoint } = options;
  if (regionendpoint && tryEndpoint(options) === undefined) {
    const message = `invalid regionendpoint provided: ${maskedUrl(regionendpoint)} (an http or https URL, or a host name, is needed)`;
    faults.push({ key: 'regionendpoint', message });
  }
  if (!redirectendpoint) {
    return faults;
  }
  const url = tryRedirectEndpoint(options);
  const shown = maskedUrl(redirectendpoint);
  if (url === undefined) {
    const message = `invalid redirectendpoint provided: ${shown} (an http or https URL is needed)`;
    faults.push({ key: 'redirectendpoint', message });
  } else if (url.origin !== url.href.replace(/\/$/, '')) {
    const message = `redirectendpoint ${shown} must be SCHEME://HOST, without user info, path or query`;
    faults.push({ key: 'redirectendpoint', message });
  }
  return faults;
}

function tryHttpUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined;
}
