/** (i) Lists: tags of a repository with 10,000 tags, a catalog of 10,000 repositories, whole and by pages. */

import { Connection } from '../load/connection.ts';
import { repeatFor } from '../load/measurement.ts';
import { expect } from '../load/push.ts';
import type { Case, Profile, Scale, Target } from './profile.ts';
import { entryName, seedLists, tagsRepository } from './seed-lists.ts';

const connections = 4;

export const lists: Profile = {
  id: 'i',
  title: 'tags/list and _catalog with 10,000 tags and 10,000 repositories',
  question: 'How many lists a second, of a registry that has grown?',
  minutes: 3.4,
  prepareRoot: (root: string, scale: Scale) => seedLists(root, scale.entries),
  async open({ port, scale }: Target): Promise<readonly Case[]> {
    const middle = entryName(Math.floor(scale.entries / 2));
    const tags = `/v2/${tagsRepository}/tags/list`;
    await checkSeeded(port, tags, scale.entries);
    const list = (name: string, path: string): Case => ({
      name,
      unit: 'requests/s',
      run: (seconds) =>
        repeatFor({ port, connections, seconds }, async (lane) => {
          return (await expect(lane, [200], { method: 'GET', path })).bodyBytes;
        }),
    });
    return [
      list('all tags', tags),
      list('100 tags from the middle', `${tags}?n=100&last=${middle}`),
      list('first 100 repositories', '/v2/_catalog?n=100'),
      list('100 repositories from the middle', `/v2/_catalog?n=100&last=many/${middle}`),
      list('first 1000 repositories', '/v2/_catalog?n=1000'),
    ];
  },
};

/** A server that does not read Distribution's tree would answer quickly, of nothing. */
async function checkSeeded(port: number, path: string, entries: number): Promise<void> {
  const connection = new Connection(port);
  const reply = await expect(connection, [200], { method: 'GET', path, keepsBody: true });
  connection.close();
  const { tags } = JSON.parse(reply.body.toString()) as { tags: string[] | null };
  if (tags?.length !== entries) {
    throw new Error(`the server lists ${tags?.length ?? 0} of ${entries} tags in its storage root`);
  }
}
