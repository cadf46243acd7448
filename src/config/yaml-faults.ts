/** What is wrong with YAML text, in words of our own: the parser's quote what it read, which may be a secret. */

import type { ErrorCode, YAMLError } from 'yaml';

export interface YamlFault {
  readonly offset: number;
  readonly message: string;
}

const words: Partial<Record<ErrorCode, string>> = {
  ALIAS_PROPS: 'an alias (*) with an anchor (&) or a tag (!); put text in quotes',
  BAD_ALIAS: 'an alias (*) or an anchor (&) without a name; put text in quotes',
  BAD_DIRECTIVE: 'found unknown directive name; put text that begins with % in quotes',
  BAD_DQ_ESCAPE: 'an escape that is not known; a backslash in double quotes is written twice',
  BAD_INDENT: 'wrong indentation',
  BAD_SCALAR_START: 'text may not begin with this character; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a key in the place of a value; indent it rightly, or put text in quotes',
  BLOCK_IN_FLOW: 'an indented section or list within brackets',
  MISSING_CHAR: 'a bracket, quote, comma, colon or space is missing; put text in quotes',
  MULTILINE_IMPLICIT_KEY: 'a key without its colon, or text over several lines; put it in quotes',
  MULTIPLE_ANCHORS: 'more than one anchor (&); put text in quotes',
  MULTIPLE_TAGS: 'more than one tag (!); put text in quotes',
  TAB_AS_INDENT: 'a tab in the place of indentation',
  TAG_RESOLVE_FAILED: 'a tag that is not known; put text that begins with ! in quotes',
  UNEXPECTED_TOKEN: 'what stands here does not belong here; put text in quotes',
};

/** What yaml.v2 refuses too: control characters and halves of surrogate pairs. */
const notText = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;
/** A line that is neither empty nor a comment. */
const content = /^[^\S\n]*[^\s#]/m;

/**
 * Why the text is refused; empty when it is fine.
 *
 * @param isEmpty  The parser found no document in it.
 */
export function yamlFaults(
  text: string,
  { errors, warnings }: Readonly<Record<'errors' | 'warnings', readonly YAMLError[]>>,
  isEmpty: boolean,
): YamlFault[] {
  const control = text.search(notText);
  if (control >= 0) return [{ offset: control, message: 'control characters are not allowed' }];
  // A warning to the parser, refused by yaml.v2: the line is else skipped, with the secret that was meant.
  const directives = warnings.filter(({ code }) => code === 'BAD_DIRECTIVE');
  const faults = [...errors, ...directives].map(told).sort((a, b) => a.offset - b.offset);
  if (!isEmpty || faults.length > 0) return faults;
  const skipped = text.search(content);
  return skipped < 0 ? [] : [{ offset: skipped, message: 'a directive (%) without a document' }];
}

/** Tags that are not known: yaml.v2 skips them too, and what was meant as text is gone. */
export function yamlDoubts(text: string, warnings: readonly YAMLError[]): YamlFault[] {
  return warnings
    .filter(({ code, pos }) => code === 'TAG_RESOLVE_FAILED' && !text.startsWith('!!', pos[0]))
    .map(told);
}

function told({ code, pos }: YAMLError): YamlFault {
  return { offset: pos[0], message: words[code] ?? 'not valid YAML' };
}
