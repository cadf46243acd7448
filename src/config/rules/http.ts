/** Rules of the `http` section. */

import { errorText } from '../../errors.ts';
import { parseListenAddress } from '../../http/listen-address.ts';
import { tryHostName } from '../../http/tls-hosts.ts';
import { isHeaderName, isHeaderValue, isHostPort, type RuleContext } from './context.ts';

export function checkHttp(context: RuleContext): void {
  checkAddresses(context);
  checkUrls(context);
  checkTls(context);
  checkFrontEnd(context);
  for (const [name, values] of Object.entries(context.draft.http.headers)) {
    const path = `http.headers.${name}`;
    if (!isHeaderName(name)) context.fault(path, 'is not a valid header name');
    for (const [index, value] of values.entries()) {
      if (isHeaderValue(value)) continue;
      context.fault(`${path}[${index}]`, 'holds characters that no header may', value);
    }
  }
}

function checkAddresses(context: RuleContext): void {
  const { addr, net, debug } = context.draft.http;
  if (net === 'tcp' && addr !== undefined && !isHostPort(addr)) {
    context.fault('http.addr', 'must be HOST:PORT, for example :5000', addr);
  }
  if (net === 'unix' && addr === undefined) {
    context.fault('http.addr', 'is required with net: unix: the path of the socket');
  }
  if (addr !== undefined && (net === 'unix' || isHostPort(addr))) {
    try {
      parseListenAddress(addr, net);
    } catch (error) {
      context.fault('http.addr', errorText(error).replace('http.addr: ', ''));
    }
  }
  if (debug.addr !== undefined && !isHostPort(debug.addr)) {
    context.fault('http.debug.addr', 'must be HOST:PORT, for example localhost:5001', debug.addr);
  }
  if (!debug.prometheus.path.startsWith('/')) {
    context.fault('http.debug.prometheus.path', 'must begin with a slash', debug.prometheus.path);
  }
  if (debug.prometheus.enabled && debug.addr === undefined) {
    context.warn('http.debug.prometheus.enabled', 'has no effect without http.debug.addr');
  }
}

function checkUrls(context: RuleContext): void {
  const { prefix, host } = context.draft.http;
  if (prefix !== undefined && !/^\/(?:[^?#\s]*\/)?$/.test(prefix)) {
    context.fault('http.prefix', 'must begin and end with a slash, for example /path/', prefix);
  }
  if (host === undefined) return;
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(host)) {
    if (!URL.canParse(host))
      context.fault('http.host', 'could not parse http "host" parameter', host);
  } else if (/[\s<>]/.test(host)) {
    context.fault('http.host', 'could not parse http "host" parameter', host);
  } else {
    context.warn('http.host', 'is not used: it needs a scheme, for example https://host', host);
  }
}

function checkTls(context: RuleContext): void {
  const { tls } = context.draft.http;
  const { letsencrypt } = tls;
  const at = (key: string): string => `http.tls.${key}`;
  if (tls.certificate !== undefined && letsencrypt?.cachefile !== undefined) {
    context.fault(at('certificate'), "cannot specify both certificate and Let's Encrypt");
  } else if (tls.certificate !== undefined && tls.key === undefined) {
    context.fault(at('key'), 'is required with certificate');
  } else if (tls.key !== undefined && tls.certificate === undefined) {
    context.fault(at('certificate'), 'is required with key');
  }
  if (letsencrypt !== undefined && letsencrypt.cachefile === undefined) {
    context.fault(at('letsencrypt.cachefile'), 'is required in a letsencrypt section');
  }
  if (letsencrypt?.cachefile !== undefined) {
    if (letsencrypt.email === undefined) {
      context.warn(
        at('letsencrypt.email'),
        'no contact address: the ACME server cannot send notices',
      );
    }
    if (letsencrypt.hosts.length === 0) {
      context.warn(at('letsencrypt.hosts'), 'no hosts: every handshake is refused');
    }
    for (const [index, host] of letsencrypt.hosts.entries()) {
      if (tryHostName(host) !== undefined) continue;
      context.fault(at(`letsencrypt.hosts[${index}]`), 'is no host name', host);
    }
  }
  const isOn = hasTls(context);
  for (const key of ['clientcas', 'ciphersuites', 'clientauth', 'minimumtls'] as const) {
    if (!isOn && context.isGiven(at(key))) {
      context.warn(at(key), 'has no effect without certificate or letsencrypt');
    }
  }
  if (isOn && context.isGiven(at('clientauth')) && tls.clientcas.length === 0) {
    context.warn(at('clientauth'), 'has no effect without clientcas');
  }
  if (tls.minimumtls === 'tls1.0' || tls.minimumtls === 'tls1.1') {
    context.warn(at('minimumtls'), 'is unsafe: prefer tls1.2 or tls1.3', tls.minimumtls);
  }
  if (tls.minimumtls === 'tls1.3' && context.isGiven(at('ciphersuites'))) {
    context.warn(at('ciphersuites'), 'has no effect with minimumtls: tls1.3');
  }
}

function hasTls({ draft }: RuleContext): boolean {
  const { certificate, letsencrypt } = draft.http.tls;
  return certificate !== undefined || letsencrypt?.cachefile !== undefined;
}

function checkFrontEnd(context: RuleContext): void {
  const { frontend, h2c, processes } = context.draft.http;
  const isTls = hasTls(context);
  if (frontend === 'uws' && (isTls || h2c.enabled)) {
    const asked = isTls ? 'TLS' : 'h2c';
    context.fault(
      'http.frontend',
      `uws serves plain HTTP/1.1 only: use auto or node with ${asked}`,
      'uws',
    );
  }
  if (h2c.enabled && isTls) context.warn('http.h2c.enabled', 'has no effect with TLS');
  if (processes !== 1 && context.draft.http.tls.letsencrypt?.cachefile !== undefined) {
    context.fault(
      'http.processes',
      'must be 1 with letsencrypt: the ACME server’s check must reach the process that asked for the certificate',
    );
  }
  if (processes !== 1 && context.draft.storage.inmemory !== undefined) {
    context.fault(
      'http.processes',
      'must be 1 with inmemory storage, which processes cannot share',
    );
  }
}
