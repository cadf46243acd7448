/** Real reverse proxies in front of a test's server, as Debian ships them. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from './free-port.ts';

export const proxiesMissing: string | undefined =
  existsSync('/usr/sbin/nginx') && existsSync('/usr/sbin/haproxy')
    ? undefined
    : 'skipped: Debian packages nginx and haproxy are not installed';

export interface ReverseProxy {
  readonly port: number;
  stop(): Promise<void>;
}

/** Started by root, nginx would write its temporary files as somebody who may not. */
const userLine = process.getuid?.() === 0 ? 'user root; ' : '';

/** @param location  Lines of the location block, `proxy_pass` included. `upstream` names the server. */
export async function startNginx(
  folder: string,
  upstreamPort: number,
  location: string,
): Promise<ReverseProxy> {
  const port = await freePort();
  await mkdir(folder, { recursive: true });
  const config = join(folder, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join('\n');
  await writeFile(
    config,
    `${userLine}daemon off; worker_processes 1; error_log ${folder}/error.log; pid ${folder}/nginx.pid;
events { worker_connections 256; }
http {
  access_log off; client_max_body_size 0; ${temporary}
  upstream upstream { server 127.0.0.1:${upstreamPort}; keepalive 8; }
  server { listen 127.0.0.1:${port}; location / { ${location} } }
}`,
  );
  return await started(
    spawn('nginx', ['-c', config, '-p', folder, '-e', `${folder}/error.log`]),
    port,
  );
}

export async function startHaproxy(folder: string, upstreamPorts: number[]): Promise<ReverseProxy> {
  const port = await freePort();
  await mkdir(folder, { recursive: true });
  const config = join(folder, 'haproxy.cfg');
  const servers = upstreamPorts.map((each) => `  server s${each} 127.0.0.1:${each}`).join('\n');
  await writeFile(
    config,
    `defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse safe
frontend in
  bind 127.0.0.1:${port}
  default_backend out
backend out
  balance roundrobin
${servers}
`,
  );
  return await started(spawn('haproxy', ['-f', config, '-db']), port);
}

export async function started(child: ChildProcess, port: number): Promise<ReverseProxy> {
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`proxy ended with ${child.exitCode}`);
  }
  return {
    port,
    async stop(): Promise<void> {
      child.kill();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => setTimeout(resolve, 20, false));
  });
}
