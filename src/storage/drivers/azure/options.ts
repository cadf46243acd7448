/** Schema of `storage.azure`. */

import type { Static } from 'typebox';
import {
  bool,
  choice,
  duration,
  int,
  optional,
  secret,
  Type,
  text,
} from '../../../options/types.ts';

export const azureOptions = Type.Object(
  {
    accountname: text({ description: 'Storage account.' }),
    container: text({ description: 'Container.' }),
    accountkey: optional(secret({ description: 'Account key in base64, for `shared_key`.' })),
    credentials: optional(
      Type.Object(
        {
          type: optional(
            choice(['shared_key', 'client_secret', 'default_credentials'], {
              description:
                'How to sign in. Absent = `shared_key` with an account key, else `default_credentials`.',
            }),
          ),
          clientid: optional(text({ description: 'Client id, for `client_secret`.' })),
          tenantid: optional(text({ description: 'Tenant id, for `client_secret`.' })),
          secret: optional(secret({ description: 'Secret, for `client_secret`.' })),
        },
        { description: 'Credentials.' },
      ),
    ),
    connectionstring: optional(secret({ description: 'Connection string of the account.' })),
    realm: text({
      description: 'Host suffix: `https://ACCOUNT.blob.REALM`.',
      default: 'core.windows.net',
    }),
    serviceurl: optional(
      text({ description: 'Service URL, for emulators and private endpoints.' }),
    ),
    rootdirectory: text({ description: 'Prefix of all blob names.', default: '' }),
    max_retries: int({ description: 'Retries of a request; 0 = 5.', default: 5 }),
    retry_delay: duration({ description: 'Wait before a retry.', default: 100 }),
    copy_status_poll_max_retry: int({ description: 'Polls of a pending copy.', default: 10 }),
    copy_status_poll_delay: duration({
      description: 'Wait between polls of a copy.',
      default: 100,
    }),
    skipverify: bool({
      description: 'The service’s certificate is not checked.',
      default: false,
    }),
  },
  { description: 'Microsoft Azure Blob Storage. Not in this version: refused at start.' },
);
export type AzureOptions = Static<typeof azureOptions>;
