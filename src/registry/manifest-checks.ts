/**
 * What a pushed manifest may point to: blobs and children that must exist, URLs that are allowed, classes that the
 * policy lets in. Reference 4.3, 4.4, config-auth-ops 10.2, 10.4.
 */

import { CodedError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { checkDigest } from '../oci/digest.ts';
import { type ParsedManifest, referencesOf } from '../oci/manifest.ts';
import { MediaType } from '../oci/media-type.ts';
import type { RepositoryName } from '../oci/reference.ts';
import { statStoredBlob } from './blobs.ts';
import type { RegistryContext, ValidationSettings } from './context.ts';
import { resolveRevision } from './manifest-store.ts';

/** Several things wrong with one manifest; each is an entry of the error envelope, the first gives the status. */
export class ManifestReferencesError extends CodedError {
  readonly entries: readonly CodedError[];

  constructor(entries: readonly [CodedError, ...CodedError[]]) {
    super(entries[0].code, entries[0].message, { detail: entries[0].detail });
    this.entries = entries;
  }
}

/** Lookups of one manifest that run at once. */
const parallelLookups = 16;

/** Layers whose URLs are looked at, and whether the blob may be missing when it has some. */
const urlRules: ReadonlyMap<
  string,
  { readonly mayBeRemote: boolean; readonly mustHaveUrl: boolean }
> = new Map([
  [MediaType.dockerForeignLayer, { mayBeRemote: true, mustHaveUrl: true }],
  [MediaType.ociForeignLayer, { mayBeRemote: true, mustHaveUrl: false }],
  [MediaType.ociForeignLayerGzip, { mayBeRemote: true, mustHaveUrl: false }],
  [MediaType.ociLayer, { mayBeRemote: false, mustHaveUrl: false }],
  [MediaType.ociLayerGzip, { mayBeRemote: false, mustHaveUrl: false }],
]);

/** @throws ManifestReferencesError naming everything that is wrong */
export async function checkReferences(
  context: RegistryContext,
  name: RepositoryName,
  manifest: ParsedManifest,
): Promise<void> {
  const faults: CodedError[] = [];
  const check = async (descriptor: Descriptor): Promise<void> => {
    const fault =
      manifest.kind === 'index'
        ? await checkChild(context, name, descriptor)
        : await checkBlob(context, name, descriptor);
    if (fault !== undefined) {
      faults.push(fault);
    }
  };
  const all = referencesOf(manifest);
  for (let start = 0; start < all.length; start += parallelLookups) {
    await Promise.all(all.slice(start, start + parallelLookups).map(check));
  }
  const [first, ...rest] = faults;
  if (first !== undefined) {
    throw new ManifestReferencesError([first, ...rest]);
  }
}

async function checkBlob(
  context: RegistryContext,
  name: RepositoryName,
  descriptor: Descriptor,
): Promise<CodedError | undefined> {
  const parsed = checkDigest(descriptor.digest);
  if ('fault' in parsed) {
    return malformedDigest(descriptor, parsed.fault);
  }
  const rule = urlRules.get(descriptor.mediaType);
  const urls = descriptor.urls ?? [];
  if (rule !== undefined) {
    const fault = checkUrls(context.options.validation, urls, rule.mustHaveUrl);
    if (fault !== undefined) {
      return new CodedError('MANIFEST_INVALID', 'manifest invalid', { detail: fault });
    }
    if (rule.mayBeRemote && urls.length > 0) {
      return undefined;
    }
  }
  const facts = await statStoredBlob(context, name, parsed.digest);
  return facts === undefined ? missing(descriptor) : undefined;
}

async function checkChild(
  context: RegistryContext,
  name: RepositoryName,
  descriptor: Descriptor,
): Promise<CodedError | undefined> {
  const parsed = checkDigest(descriptor.digest);
  if ('fault' in parsed) {
    return malformedDigest(descriptor, parsed.fault);
  }
  if (!mustExist(context.options.validation, descriptor)) {
    return undefined;
  }
  if ((await resolveRevision(context, name, parsed.digest)) !== undefined) {
    return undefined;
  }
  // Indexes also list plain blobs: BuildKit's cache index does (its layers are no manifests).
  const blob = await statStoredBlob(context, name, parsed.digest);
  return blob === undefined ? missing(descriptor) : undefined;
}

function mustExist(validation: ValidationSettings, descriptor: Descriptor): boolean {
  if (!validation.enabled || validation.platforms === 'none') {
    return false;
  }
  if (validation.platforms === 'all' || validation.platformList.length === 0) {
    return true;
  }
  return validation.platformList.some(
    (platform) =>
      platform.architecture === descriptor.platform?.architecture &&
      platform.os === descriptor.platform.os,
  );
}

function malformedDigest(descriptor: Descriptor, fault: string): CodedError {
  return new CodedError('DIGEST_INVALID', 'provided digest did not match uploaded content', {
    detail: `${descriptor.digest.slice(0, 200)}: ${fault}`,
  });
}

function missing(descriptor: Descriptor): CodedError {
  return new CodedError('MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry', {
    detail: descriptor.digest,
  });
}

/**
 * What is wrong with a layer's URLs. With validation on, an unset allow list lets no URL in (the configuration
 * document is explicit about it), whatever deny says.
 */
function checkUrls(
  validation: ValidationSettings,
  urls: readonly string[],
  mustHaveUrl: boolean,
): string | undefined {
  if (mustHaveUrl && urls.length === 0) {
    return 'missing URL on layer';
  }
  for (const text of urls) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const isPlain = url?.protocol === 'http:' || url?.protocol === 'https:';
    if (!isPlain || text.includes('#')) {
      return `invalid URL on layer: ${text.slice(0, 200)}`;
    }
    if (validation.enabled) {
      const isAllowed = validation.allowUrls.some((pattern) => pattern.test(text));
      const isDenied = validation.denyUrls.some((pattern) => pattern.test(text));
      if (!isAllowed || isDenied) {
        return `invalid URL on layer: ${text.slice(0, 200)}`;
      }
    }
  }
  return undefined;
}

const classOfConfig: ReadonlyMap<string, string> = new Map([
  [MediaType.dockerConfig, 'image'],
  [MediaType.ociConfig, 'image'],
  [MediaType.dockerPluginConfig, 'plugin'],
]);

/** `policy.repository.classes`. @throws `DENIED` */
export function checkClass(
  allowed: readonly string[],
  manifest: ParsedManifest,
  granted: string | undefined,
): void {
  if (allowed.length === 0 || manifest.kind === 'index') {
    return;
  }
  const mediaType = manifest.config?.mediaType ?? '';
  const found = classOfConfig.get(mediaType);
  if (found === undefined) {
    throw new CodedError('DENIED', `unknown manifest class for ${mediaType}`);
  }
  if (!allowed.includes(found)) {
    throw new CodedError('DENIED', `registry does not allow ${found} manifest`);
  }
  if (granted !== undefined && (granted === '' ? 'image' : granted) !== found) {
    throw new CodedError('DENIED', `repository not authorized for ${found} manifest`);
  }
}
