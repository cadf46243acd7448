/** Hides what URLs hold in secret, for logs, messages and `longshore config`. Lies underneath every room. */

const mask = '***';
const scheme = '[a-z][a-z0-9+.-]*://';
const eachUrl = new RegExp(`(?=\\b${scheme})`, 'i');
const isUrl = new RegExp(`^(?:${scheme}|//)`, 'i');

/**
 * The text with user info, query and fragment of its URLs as `***`. Takes any text: a URL, one that is malformed or
 * has no scheme, several in a sentence. In doubt it hides too much.
 */
export function maskedUrl(text: string): string {
  return text.split(eachUrl).map(masked).join('');
}

/** @param text  Begins with the URL, if there is one. */
function masked(text: string): string {
  if (!isUrl.test(text)) {
    // `user:password@host`, as some write it where an address is wanted.
    return text.replace(/^[^\s:/@]*:\S*@/, `${mask}@`);
  }
  // A password may hold any @, and a malformed URL is often one whose password holds a slash or a question mark.
  const userInfo = URL.canParse(text) ? /\/\/[^/?#\\]*@/ : /\/\/.*@/s;
  return text.replace(userInfo, `//${mask}@`).replace(/([?#]).*/s, `$1${mask}`);
}
