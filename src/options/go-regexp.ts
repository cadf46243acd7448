/**
 * Regular expressions in Go's RE2 syntax, run by an engine of RE2's kind: flags such as `(?i)` mean what they mean
 * in Go, and no pattern takes more than linear time. Lies underneath: config checks patterns, registry matches URLs.
 */

import { RE2JS } from 're2js';
import { errorText } from '../errors.ts';

export interface GoRegExp {
  /** True when the pattern matches anywhere in the text (Go's `MatchString`). */
  test(text: string): boolean;
}

/**
 * Compiles a pattern. V8's own engine would backtrack for ever on `^https?://([^/]+\.)*example\.com/`, the sample of
 * the configuration document, with a URL that a client picks.
 *
 * @throws SyntaxError with a message fit for an operator.
 */
export function compileGoRegExp(pattern: string): GoRegExp {
  try {
    const compiled = RE2JS.compile(pattern);
    return { test: (text) => compiled.matcher(text).find() };
  } catch (error) {
    throw new SyntaxError(errorText(error));
  }
}
