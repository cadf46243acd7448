/**
 * Brings the Debian packages that the tests drive, where root and apt-get are at hand. Run by `npm test` before the
 * tests; elsewhere it does nothing, and the tests that need a missing program are skipped by name.
 */

import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { debianPackages } from './debian-packages.mjs';

const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];

function isThere(name) {
  return folders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const missing = Object.keys(debianPackages).filter((name) => !isThere(name));
if (missing.length > 0 && process.getuid?.() === 0 && isThere('apt-get')) {
  const packages = [...new Set(missing.map((name) => debianPackages[name]))];
  console.log(`installing for the tests: ${packages.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const run = (...args) =>
    spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  run('update', '-qq');
  // One by one when all together fail: a package that this release lacks must not cost the others.
  if (run('install', '-y', '-qq', '--no-install-recommends', ...packages).status !== 0) {
    for (const name of packages) {
      run('install', '-y', '-qq', '--no-install-recommends', name);
    }
  }
}
