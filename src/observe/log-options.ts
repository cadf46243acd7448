/** Schema of the `log` section and the deprecated `loglevel`. */

import type { Static } from 'typebox';
import {
  anything,
  bool,
  choice,
  list,
  mapOf,
  optional,
  secret,
  Type,
  text,
} from '../options/types.ts';

export const logLevels = ['error', 'warn', 'info', 'debug'] as const;

export const mailOptions = Type.Object(
  {
    smtp: Type.Object(
      {
        addr: text({ description: '`HOST:PORT` of the mail server.', default: '' }),
        username: optional(text({ description: 'User name; absent = no authentication.' })),
        password: optional(secret({ description: 'Password of `username`.' })),
        insecure: bool({
          description: 'The mail server’s certificate is not checked.',
          default: false,
        }),
      },
      { description: 'Mail server.' },
    ),
    from: text({ description: 'Sender address.', default: '' }),
    to: list(text({ description: 'Recipient address.' }), {
      description: 'Recipient addresses.',
      default: [],
    }),
  },
  { description: 'Where mails go.' },
);
export type MailOptions = Static<typeof mailOptions>;

export const logHookOptions = Type.Object(
  {
    disabled: bool({ description: 'Skips this hook.', default: false }),
    type: choice(['mail'], { description: 'Kind of hook.', default: 'mail' }),
    levels: list(
      choice(['panic', 'fatal', 'error', 'warn', 'warning', 'info', 'debug'], {
        description: 'A level.',
        ignoreCase: true,
      }),
      { description: 'Levels of the records that fire the hook.', default: [] },
    ),
    options: mailOptions,
  },
  { description: 'One hook.' },
);
export type LogHookOptions = Static<typeof logHookOptions>;

export const logOptions = Type.Object(
  {
    accesslog: Type.Object(
      { disabled: bool({ description: 'Turns the access log on stdout off.', default: false }) },
      { description: 'Access log in Apache combined format.' },
    ),
    level: choice(logLevels, {
      description: 'Least severe level that is logged.',
      default: 'info',
      ignoreCase: true,
    }),
    formatter: choice(['text', 'json', 'logstash'], {
      description: 'Format of log lines on stderr.',
      default: 'text',
    }),
    fields: mapOf(anything({ description: 'Field value.' }), {
      description: 'Fields added to every log line.',
      default: {},
    }),
    reportcaller: bool({ description: 'Adds the calling function and file.', default: false }),
    hooks: list(logHookOptions, { description: 'Mails sent for severe records.', default: [] }),
  },
  { description: 'The application log, on stderr, and the access log, on stdout.' },
);
export type LogOptions = Static<typeof logOptions>;

/** Top-level `loglevel`; config/ folds it into `log.level`. */
export const loglevelOption = optional(
  choice(logLevels, {
    description: 'Old name of `log.level`, used when that is absent.',
    deprecated: 'use log.level',
    ignoreCase: true,
  }),
);
