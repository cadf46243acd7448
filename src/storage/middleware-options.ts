/** Schemas of the `middleware` section and of the options each known middleware takes. */

import type { Static, TSchema } from 'typebox';
import { anything, bool, choice, list, mapOf, optional, Type, text } from '../options/types.ts';

export const middlewareEntryOptions = Type.Object(
  {
    name: text({ description: 'Name of the middleware.' }),
    disabled: bool({ description: 'Skips this entry.', default: false }),
    options: mapOf(anything({ description: 'Option value.' }), {
      description: 'Options of the middleware.',
      default: {},
    }),
  },
  { description: 'One middleware.' },
);
export type MiddlewareEntryOptions = Static<typeof middlewareEntryOptions>;

const hook = (description: string) => list(middlewareEntryOptions, { description, default: [] });

export const middlewareOptions = Type.Object(
  {
    registry: hook('Wraps the registry. None are known.'),
    repository: hook('Wraps repositories. None are known.'),
    storage: hook(
      'Wraps the storage driver, the last entry outermost: `cloudfront`, `redirect`, `rewrite`.',
    ),
  },
  { description: 'Middleware: changes where clients are sent for blobs.' },
);
export type MiddlewareOptions = Static<typeof middlewareOptions>;

export const redirectMiddlewareOptions = Type.Object(
  { baseurl: text({ description: '`SCHEME://HOST[/PATH]` that blobs are served at.' }) },
  { description: 'Sends clients to another host.' },
);
export type RedirectMiddlewareOptions = Static<typeof redirectMiddlewareOptions>;

export const rewriteMiddlewareOptions = Type.Object(
  {
    scheme: optional(text({ description: 'Scheme to put into the driver’s URL.' })),
    host: optional(text({ description: 'Host to put into the driver’s URL.' })),
    trimpathprefix: optional(text({ description: 'Prefix cut off the URL’s path.' })),
  },
  { description: 'Changes the URL that the storage driver gives.' },
);
export type RewriteMiddlewareOptions = Static<typeof rewriteMiddlewareOptions>;

export const cloudfrontOptions = Type.Object(
  {
    baseurl: text({ description: '`SCHEME://HOST[/PATH]` of the distribution.' }),
    privatekey: text({ description: 'Path of the PEM private key.' }),
    keypairid: text({ description: 'Id of the key pair.' }),
    // Free-form: a value that is not text falls back to the default, as the document says.
    duration: anything({ description: 'Life of signed URLs, with a unit.', default: '20m' }),
    updatefrequency: anything({
      description: 'Time between fetches of the IP ranges.',
      default: '12h',
      aliases: ['updatefrenquency'],
    }),
    iprangesurl: text({
      description: 'URL of the IP ranges.',
      default: 'https://ip-ranges.amazonaws.com/ip-ranges.json',
    }),
    ipfilteredby: choice(['none', 'aws', 'awsregion'], {
      description: 'Clients that go to S3 directly.',
      default: 'none',
      ignoreCase: true,
    }),
    awsregion: optional(text({ description: 'Regions, comma separated, for `awsregion`.' })),
  },
  { description: 'Signed Amazon CloudFront URLs; needs the s3 driver.' },
);
export type CloudfrontOptions = Static<typeof cloudfrontOptions>;

/** Storage middleware by name -> schema of its options. */
export const storageMiddlewareSchemas: Readonly<Record<string, TSchema>> = {
  cloudfront: cloudfrontOptions,
  redirect: redirectMiddlewareOptions,
  rewrite: rewriteMiddlewareOptions,
};
