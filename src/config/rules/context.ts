/** What a rule over several keys sees, and how it reports. Rules never stop each other: all of them always run. */

import { tryParseHostPort } from '../../observe/host-port.ts';
import { nearestOrigin, type Origins } from '../convert.ts';
import { type Notices, shownValue } from '../faults.ts';
import type { RawMap } from '../raw.ts';
import type { Draft } from '../schema.ts';

export class RuleContext {
  readonly draft: Draft;
  readonly raw: RawMap;
  readonly notices: Notices;
  readonly origins: Origins;

  constructor(draft: Draft, raw: RawMap, notices: Notices, origins: Origins) {
    this.draft = draft;
    this.raw = raw;
    this.notices = notices;
    this.origins = origins;
  }

  /** @param value  Shown to the operator: never pass a secret. */
  fault(path: string, message: string, value?: string): void {
    this.notices.fault(this.#notice(path, message, value));
  }

  warn(path: string, message: string, value?: string): void {
    this.notices.warn(this.#notice(path, message, value));
  }

  /** True when something is wrong with the key already. */
  isFaulted(path: string): boolean {
    return this.notices.faults.some((fault) => fault.path === path);
  }

  /** True when the file or a variable gives the key, false when its value is the default. */
  isGiven(path: string): boolean {
    return (this.origins.get(path)?.kind ?? 'default') !== 'default';
  }

  #notice(path: string, message: string, value: string | undefined) {
    const shown = value === undefined ? {} : { value: shownValue(value) };
    return { path, ...nearestOrigin(path, this.origins), ...shown, message };
  }
}

/** A URL with scheme http or https and a host. */
export function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:\/\/./i.test(text);
}

/** `HOST:PORT`, with an empty host allowed and IPv6 in brackets. */
export function isHostPort(text: string): boolean {
  return tryParseHostPort(text) !== undefined;
}

/** What Node accepts as a header: a token as name, no control characters in values. */
export function isHeaderName(text: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text);
}

export function isHeaderValue(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is refused
  return !/[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]/.test(text);
}
