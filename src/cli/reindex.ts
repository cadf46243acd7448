/** `longshore reindex`: writes the index of referrers anew, for data that another registry has changed meanwhile. */

import { walkRepositories } from '../registry/catalog.ts';
import { reindexReferrers } from '../registry/referrers-index.ts';
import { ExitCode } from './usage.ts';
import { withStorage } from './with-storage.ts';

export function reindex(request: { readonly path: string | undefined }): Promise<number> {
  return withStorage({
    path: request.path,
    withWorkers: false,
    purpose: 'reindex',
    async run(context): Promise<number> {
      let repositories = 0;
      let referrers = 0;
      for await (const name of walkRepositories(context)) {
        const count = await reindexReferrers(context, name);
        process.stdout.write(`${name}: ${count} referrers\n`);
        repositories += 1;
        referrers += count;
      }
      process.stdout.write(`${repositories} repositories, ${referrers} referrers\n`);
      return ExitCode.ok;
    },
  });
}
