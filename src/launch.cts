/**
 * What longshore.sh runs: settings that must be in the environment before the first thread or add-on exists, then main.
 * CommonJS, since an ES module is itself loaded through the thread pool whose size is set here.
 */

// Syncs wait for the disk, not for a core: many side by side are one journal commit (DESIGN 3).
process.env['UV_THREADPOOL_SIZE'] ??= '16';
// Token users send large headers; uWebSockets.js reads its limit once, at load. Config may lower it.
process.env['UWS_HTTP_MAX_HEADERS_SIZE'] ??= '32768';

void import('./main.js');
