/**
 * Runs the proxies of docs/proxies.md as they stand there, under the configuration that Debian ships. Only addresses and
 * paths are exchanged for the test's own, and each must be found in the recipe.
 */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { type ReverseProxy, started } from './proxies.ts';

const document = new URL('../../docs/proxies.md', import.meta.url);

/** Texts of the recipe and what takes their place; `listen` and `bind` are seen to already. */
export type Replacements = Readonly<Record<string, string>>;

/** The block in a language below a heading of docs/proxies.md. */
export function recipe(heading: string, language: string): string {
  const [, section] = readFileSync(document, 'utf8').split(`\n## ${heading}\n`);
  const [, block] =
    new RegExp(`\`\`\`${language}\n(.*?)\n\`\`\``, 's').exec(section?.split('\n## ')[0] ?? '') ??
    [];
  if (block === undefined) throw new Error(`docs/proxies.md has no ${language} under "${heading}"`);
  return block;
}

export async function startNginxRecipe(
  folder: string,
  heading: string,
  replacements: Replacements,
): Promise<ReverseProxy> {
  const port = await freePort();
  const listen = /listen \d+/.exec(recipe(heading, 'nginx'))?.[0] ?? 'listen';
  const site = replaced(recipe(heading, 'nginx'), {
    ...replacements,
    [listen]: `listen 127.0.0.1:${port}`,
  });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'site'), site);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(' ');
  const shipped = replaced(readFileSync('/etc/nginx/nginx.conf', 'utf8'), {
    'user www-data;': process.getuid?.() === 0 ? 'user root;' : '',
    '/run/nginx.pid': `${folder}/nginx.pid`,
    '/var/log/nginx': folder,
    'include /etc/nginx/conf.d/*.conf;': temporary,
    '/etc/nginx/sites-enabled/*': `${folder}/site`,
  });
  await writeFile(join(folder, 'nginx.conf'), shipped);
  const args = ['-c', `${folder}/nginx.conf`, '-e', `${folder}/error.log`, '-g', 'daemon off;'];
  return await started(spawn('/usr/sbin/nginx', args, { stdio: 'ignore' }), port);
}

export async function startHaproxyRecipe(
  folder: string,
  heading: string,
  replacements: Replacements,
): Promise<ReverseProxy> {
  const port = await freePort();
  const bind = /bind :\d+/.exec(recipe(heading, 'haproxy'))?.[0] ?? 'bind';
  const site = replaced(recipe(heading, 'haproxy'), {
    ...replacements,
    [bind]: `bind 127.0.0.1:${port}`,
  });
  // Without `global`, which makes a daemon under another user.
  const shipped = readFileSync('/etc/haproxy/haproxy.cfg', 'utf8');
  const defaults = shipped.slice(shipped.indexOf('\ndefaults'));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'haproxy.cfg'), `${defaults}\n${site}\n`);
  const args = ['-f', join(folder, 'haproxy.cfg'), '-db'];
  return await started(spawn('/usr/sbin/haproxy', args, { stdio: 'ignore' }), port);
}

function replaced(text: string, replacements: Replacements): string {
  let result = text;
  for (const [from, to] of Object.entries(replacements)) {
    if (!result.includes(from)) throw new Error(`not in the text: ${from}`);
    result = result.replaceAll(from, to);
  }
  return result;
}
