/** Chooses where certificates come from, by `http.tls`; `undefined` when the section asks for no TLS. */

import type { TlsOptions } from '../../src/http/options.ts';
import type { Logger } from '../../src/observe/logger.ts';
import { createAcmeTlsSource } from './acme-source.ts';
import { tlsFault } from './context-options.ts';
import { createFileTlsSource } from './file-source.ts';
import type { TlsSource } from './tls-source.ts';

/** @throws CodedError `TLS_CONFIG_INVALID` for a certificate file beside Let's Encrypt. */
export function createTlsSource(
  options: TlsOptions,
  parts: { readonly logger: Logger },
): TlsSource | undefined {
  const hasAcme = (options.letsencrypt?.cachefile ?? '') !== '';
  const hasFiles = (options.certificate ?? '') !== '';
  if (hasAcme && hasFiles) {
    throw tlsFault("http.tls: cannot specify both certificate and Let's Encrypt");
  }
  if (hasAcme) return createAcmeTlsSource(options, parts);
  return hasFiles ? createFileTlsSource(options, parts) : undefined;
}
