/** Schemas of `validation`, `policy`, `catalog` and `tags`: what may be pushed, and how long answers get. */

import type { Static } from 'typebox';
import { bool, choice, int, list, optional, pattern, Type, text } from '../options/types.ts';

const urlPattern = pattern({
  description: 'Regular expression (RE2 syntax), matched anywhere in the URL.',
});

export const validationOptions = Type.Object(
  {
    enabled: optional(
      bool({
        description: 'true = validation is on, whatever `disabled` says; false changes nothing.',
        deprecated: 'use validation.disabled',
      }),
    ),
    disabled: bool({ description: 'Turns validation of manifests off.', default: false }),
    manifests: Type.Object(
      {
        urls: Type.Object(
          {
            allow: list(urlPattern, {
              description:
                'Each URL in a pushed manifest must match one of these; empty = no URL is allowed.',
              default: [],
            }),
            deny: list(urlPattern, {
              description: 'No URL in a pushed manifest may match one of these.',
              default: [],
            }),
          },
          { description: 'URLs in manifests.' },
        ),
        indexes: Type.Object(
          {
            platforms: choice(['all', 'none', 'list'], {
              description: 'Which images of a pushed index must exist.',
              default: 'all',
              ignoreCase: true,
            }),
            platformlist: list(
              Type.Object(
                {
                  architecture: text({ description: 'Architecture, e.g. amd64.', default: '' }),
                  os: text({ description: 'Operating system, e.g. linux.', default: '' }),
                },
                { description: 'One platform.' },
              ),
              {
                description: 'With `platforms: list`: only images of these platforms must exist.',
                default: [],
              },
            ),
          },
          { description: 'Image indexes.' },
        ),
      },
      { description: 'Validation of manifests.' },
    ),
  },
  { description: 'What a pushed manifest must fulfil.' },
);
export type ValidationOptions = Static<typeof validationOptions>;

export const policyOptions = Type.Object(
  {
    repository: Type.Object(
      {
        classes: list(text({ description: 'Class: `image` or `plugin`.' }), {
          description: 'Classes of repositories that may be pushed; empty = all.',
          default: [],
        }),
      },
      { description: 'Repositories.' },
    ),
  },
  { description: 'Policies.' },
);
export type PolicyOptions = Static<typeof policyOptions>;

export const catalogOptions = Type.Object(
  {
    maxentries: int({
      description: 'Most entries in one answer of the catalog; 0 or less = 1000.',
      default: 1000,
    }),
  },
  { description: 'The catalog.' },
);
export type CatalogOptions = Static<typeof catalogOptions>;

export const tagsOptions = Type.Object(
  {
    maxtags: int({
      description: 'Most entries in one answer of a tag list with `n`; 0 = 1000.',
      default: 1000,
    }),
  },
  { description: 'Tag lists.' },
);
export type TagsOptions = Static<typeof tagsOptions>;
