/** Text into HTML: the report holds names and messages that others chose. */

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** HTML that is already safe; only `html` and `raw` make it. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type Piece = string | number | Html | readonly Html[];

/** A template whose values are escaped, in text and in quoted attributes alike, unless they are `Html`. */
export function html(strings: TemplateStringsArray, ...values: readonly Piece[]): Html {
  let text = strings[0] ?? '';
  for (const [index, value] of values.entries()) {
    text += pieceText(value) + (strings[index + 1] ?? '');
  }
  return new Html(text);
}

export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (letter) => entities[letter] ?? letter);
}

function pieceText(value: Piece): string {
  if (value instanceof Html) {
    return value.text;
  }
  return typeof value === 'object'
    ? value.map((each) => each.text).join('')
    : escapeHtml(String(value));
}
