/**
 * Where we mean to answer otherwise than Debian's docker-registry 2.8.2, and why. A difference that no entry allows
 * fails the comparison, and so does an entry that allows nothing any more.
 */

export interface Difference {
  /** Labels of the steps. */
  readonly steps: RegExp;
  /** Statuses, theirs and ours: everything else of such a reply may differ too. */
  readonly status?: readonly [theirs: string, ours: string];
  /** Otherwise the fields that may differ, and how they then read. */
  readonly fields?: readonly string[];
  readonly theirs?: RegExp;
  readonly ours?: RegExp;
  readonly reason: string;
}

const envelope = ['x-content-type-options', 'content-type', 'body', 'codes', 'messages', 'detail'];

export const differences: readonly Difference[] = [
  {
    steps: /./,
    fields: ['content-type'],
    theirs: /^application\/json; charset=utf-8$/,
    ours: /^application\/json$/,
    reason: 'version 3 prints no charset: JSON has none',
  },
  {
    steps: /./,
    fields: ['detail'],
    theirs: /^\[(\{.*\}|null(,.*)?|"digest parsing failed")\]$/,
    reason: 'version 3 gives the text of an error where 2.8 prints an object, often an empty one',
  },
  {
    steps: /^(unknown route|no digest|unknown method|POST of|PUT of a)/,
    fields: envelope,
    reason: 'all errors come in the envelope, not some as plain text',
  },
  {
    steps: /^(unknown method|POST of tags|options of tags)/,
    fields: ['allow'],
    ours: /^GET, HEAD$/,
    reason: 'HEAD of lists is served',
  },
  {
    steps: /: HEAD$/,
    status: ['405', '200'],
    reason: 'HEAD of lists is served (specification: HEAD is GET without the body)',
  },
  { steps: /^tags of nothing: HEAD$/, status: ['405', '404'], reason: 'HEAD of lists is served' },
  {
    steps: /^(base|tags|catalog) with(out)? slash/,
    fields: ['content-length', 'content-type', 'body'],
    reason: 'a redirect needs no page of HTML',
  },
  {
    steps: /^(root|doubled slash|dots): HEAD$/,
    fields: ['content-length'],
    ours: /^0$/,
    reason: 'the length of the body that GET gives is told',
  },
  {
    steps: /^upper-case name/,
    status: ['404', '400'],
    reason: 'a name that is none is NAME_INVALID (specification code-8)',
  },
  {
    steps: /^name too long/,
    status: ['500', '400'],
    reason: 'no request may yield a 500; two documents in one body there',
  },
  {
    steps: /^chunk out of order$/,
    status: ['202', '416'],
    reason: 'specification: a chunk out of order MUST be refused',
  },
  {
    steps: /^malformed range$/,
    status: ['202', '416'],
    reason: 'a range that cannot be read is not ignored',
  },
  {
    steps: /^chunk of another length$/,
    status: ['202', '400'],
    reason: 'as version 3: SIZE_INVALID',
  },
  {
    steps: /^stale location$/,
    status: ['404', '416'],
    reason: 'as version 3, with the Location and Range to go on from',
  },
  {
    steps: /^PUT out of order$/,
    status: ['201', '416'],
    reason: 'specification: a last chunk out of order MUST be refused',
  },
  {
    steps: /^PATCH of another type$/,
    status: ['500', '202'],
    reason: 'a body is bytes whatever its type; no request may yield a 500',
  },
  {
    steps: /^status of no upload$/,
    fields: ['codes', 'messages'],
    ours: /unknown|UNKNOWN/,
    reason:
      'as version 3: status needs no token, so the upload is unknown rather than the token bad',
  },
  {
    steps: /^start with digest$/,
    status: ['202', '400'],
    reason: 'single POST uploads are served, so the digest counts',
  },
  {
    steps: /^mount without from$/,
    status: ['202', '201'],
    reason: 'specification: automatic content discovery',
  },
  {
    steps: /^finish by sha512$/,
    fields: ['docker-content-digest', 'location'],
    ours: /sha512:/,
    reason: 'specification: the digest MUST be the one that the client gave',
  },
  {
    steps: /^range of the empty blob: GET$/,
    status: ['416', '200'],
    reason: 'as version 3: nothing to choose from',
  },
  {
    steps: /^range of the empty blob: HEAD$/,
    status: ['416', '200'],
    reason: 'as version 3: nothing to choose from',
  },
  {
    steps: /^range (bytes=25-|bytes=100-200|bytes=4-2|bytes=x|lines=0-1): GET$/,
    status: ['connection cut', '416'],
    reason: '2.8 announces the length of the blob for a shorter error text',
  },
  {
    steps: /^range .*: HEAD$/,
    fields: ['cache-control', 'docker-content-digest', 'etag', 'x-content-type-options'],
    reason: 'as version 3: what describes the blob does not describe an error',
  },
  {
    steps: /^range bytes=-0/,
    status: ['206', '416'],
    reason: 'RFC 9110 14.1.2: a suffix of no bytes cannot be satisfied',
  },
  {
    steps: /^if-none-match bare/,
    status: ['200', '304'],
    reason: 'tags are taken without quotes for blobs as for manifests',
  },
  {
    steps: /^if-match other: GET$/,
    status: ['connection cut', '412'],
    reason: '2.8 announces the length of the blob and sends nothing',
  },
  {
    steps: /^if-match other: HEAD$/,
    fields: ['cache-control', 'content-type', 'docker-content-digest', 'etag'],
    reason: 'what describes the blob does not describe an error',
  },
  {
    steps: /^schemaVersion 1$/,
    status: ['500', '400'],
    reason: 'no request may yield a 500',
  },
  {
    steps: /^malformed digest inside$/,
    fields: ['codes', 'messages', 'detail'],
    reason: 'a digest that is none names no blob that could be missing',
  },
  {
    steps: /^tag (too long|with a dot first)$/,
    status: ['404', '400'],
    reason: 'a push is told that its tag is bad, not that a page was not found',
  },
  {
    steps: /^pull (without Accept|anything)/,
    status: ['404', '200'],
    reason: 'as version 3 for `*/*` and further: no Accept takes everything (RFC 9110 12.5.1)',
  },
  {
    steps: /^pull docker without Accept/,
    status: ['400', '200'],
    reason: 'no schema 1 any more: what is stored is given',
  },
  {
    steps: /^pull if-none-match/,
    fields: ['docker-content-digest', 'etag'],
    reason: 'RFC 9110 15.4.5: a 304 carries the entity tag',
  },
  {
    steps: /^pull of a bad digest/,
    status: ['500', '400'],
    reason: 'no request may yield a 500',
  },
  { steps: /^referrers/, status: ['404', '200'], reason: 'specification 1.1' },
  {
    steps: /^tags(\?.*| after the deletes)?: GET$/,
    fields: ['body', 'content-length', 'link'],
    reason: 'as version 3: tags in order and by pages',
  },
  {
    steps: /^(tags|catalog)\?n=(-1|x): GET$/,
    status: ['200', '400'],
    reason: 'as version 3: a number that is none is refused',
  },
  {
    steps: /^(tags|catalog)\?n=(-1|x): HEAD$/,
    status: ['405', '400'],
    reason: 'HEAD of lists is served, and refuses what GET refuses',
  },
  {
    steps: /^catalog\?n=100000: GET$/,
    status: ['400', '200'],
    reason: 'a number above the limit is clamped, with a Link if more follows',
  },
  {
    steps: /^catalog( at the end|\?.*)?: GET$/,
    fields: ['body', 'content-length', 'link'],
    reason: 'as version 3: a repository is listed once it has manifests',
  },
  {
    steps: /^tags of the emptied: GET$/,
    fields: ['body', 'content-length'],
    ours: /^(\{"name":"diff-two","tags":\[\]\}\n|30)$/,
    reason: 'as version 3: an empty list, not null',
  },
  {
    steps: /^delete of a missing tag$/,
    status: ['400', '404'],
    reason: 'as version 3: tags can be deleted',
  },
  {
    steps: /^delete of a tag$/,
    status: ['400', '202'],
    reason: 'as version 3: tags can be deleted',
  },
];
