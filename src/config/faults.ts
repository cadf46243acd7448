/** What is wrong with a configuration, where, and how it is told to the operator. Makes text only; prints nothing. */

import { maskedUrl } from '../options/masked-url.ts';

/** Where a value came from. */
export type Origin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly line: number }
  | { readonly kind: 'variable'; readonly name: string };

/** A fault stops the start; a warning does not, unless `--strict`. */
export interface Notice {
  /** Dotted path of the key, e.g. `notifications.endpoints[0].url`; empty for the file as a whole. */
  readonly path: string;
  readonly origin?: Origin;
  /** The offending value, already masked when secret. */
  readonly value?: string;
  /** What is wrong and what is allowed. */
  readonly message: string;
}

/** Collects faults and warnings while a configuration is read. */
export class Notices {
  readonly faults: Notice[] = [];
  readonly warnings: Notice[] = [];

  fault(notice: Notice): void {
    this.faults.push(notice);
  }

  warn(notice: Notice): void {
    this.warnings.push(notice);
  }
}

export function formatOrigin(origin: Origin): string {
  if (origin.kind === 'file') return `line ${origin.line}`;
  return origin.kind === 'variable' ? origin.name : 'default';
}

/** One line: `http.addr (line 12): "5000" is not allowed: …`. */
export function formatNotice(notice: Notice): string {
  const where =
    notice.origin && notice.origin.kind !== 'default' ? formatOrigin(notice.origin) : '';
  const head = [notice.path, where && (notice.path === '' ? where : `(${where})`)]
    .filter((text) => text !== '')
    .join(' ');
  const value = notice.value === undefined ? '' : `${JSON.stringify(notice.value)} `;
  return `${head}${head === '' ? '' : ': '}${value}${notice.message}`;
}

/**
 * The text for stderr when a configuration is refused: Distribution's first line, then one line per fault and warning.
 * A warning may be the reason of a fault: the misspelt key beside the one that is missing.
 */
export function formatFaults(refused: {
  readonly path: string | undefined;
  readonly faults: readonly Notice[];
  readonly warnings: readonly Notice[];
}): string {
  const prefix =
    refused.path === undefined
      ? 'configuration error: '
      : `configuration error: error parsing ${refused.path}: `;
  const [first = '', ...others] = refused.faults.map(formatNotice);
  const lines = [
    ...(others.length === 0 ? [] : [first, ...others]),
    ...refused.warnings.map((warning) => `warning: ${formatNotice(warning)}`),
  ];
  const head = others.length === 0 ? first : `${refused.faults.length} faults`;
  return [`${prefix}${head}`, ...lines.map((line) => `  ${line}`)].join('\n');
}

/** Text of a value fit for a message: short, and without what URLs hold in secret. */
export function shownValue(text: string): string {
  const masked = maskedUrl(text);
  return masked.length > 100 ? `${masked.slice(0, 97)}...` : masked;
}
