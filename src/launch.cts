/**
 * What longshore.sh runs: settings that must be in the environment before the first thread or add-on exists, then main.
 * CommonJS, since an ES module is itself loaded through the thread pool whose size is set here.
 */

// What longshore.sh saved from its shell: lines of NAME=VALUE, with \x01 for line breaks of a value.
for (const line of (process.env['LONGSHORE_LOST_VARIABLES'] ?? '').split('\n')) {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(line) ?? [];
  if (name !== undefined) process.env[name] = value?.replaceAll('\x01', '\n');
}
delete process.env['LONGSHORE_LOST_VARIABLES'];
// Syncs wait for the disk, not for a core: many side by side are one journal commit (DESIGN 3).
process.env['UV_THREADPOOL_SIZE'] ??= '16';
// uWebSockets.js reads it as it loads, raised to what the configuration says (http/uws/load.ts). Defined here, since a
// variable that is there already can be changed while threads run, and one that is not cannot safely be added.
process.env['UWS_HTTP_MAX_HEADERS_SIZE'] ??= '32768';

void import('./main.js');
