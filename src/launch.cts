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
// Token users send large headers; uWebSockets.js reads its limit once, at load. Config may lower it.
process.env['UWS_HTTP_MAX_HEADERS_SIZE'] ??= '32768';

void import('./main.js');
