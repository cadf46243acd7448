/** Rules of the sections around the registry: log, notifications, health, validation, tags. */

import { errorText } from '../../errors.ts';
import { tryParseHostPort, tryParseServer } from '../../observe/host-port.ts';
import { compileGoRegExp } from '../../options/go-regexp.ts';
import { maskedUrl } from '../../options/masked-url.ts';
import type { Secret } from '../../options/secret.ts';
import { suggestion } from '../suggest.ts';
import { isHeaderName, isHeaderValue, isHttpUrl, type RuleContext } from './context.ts';

export function checkServices(context: RuleContext): void {
  checkMailHooks(context);
  checkEndpoints(context);
  checkHealth(context);
  checkValidation(context);
  const { maxtags } = context.draft.tags;
  if (maxtags < 0) {
    context.fault(
      'tags.maxtags',
      'maxtags limit must be a non-negative integer value',
      String(maxtags),
    );
  }
}

function checkMailHooks(context: RuleContext): void {
  for (const [index, hook] of context.draft.log.hooks.entries()) {
    if (hook.disabled) continue;
    const path = `log.hooks[${index}]`;
    const { smtp, from, to } = hook.options;
    if (tryParseServer(smtp.addr) === undefined) {
      context.fault(`${path}.options.smtp.addr`, 'must be HOST:PORT of the mail server', smtp.addr);
    }
    if (from === '') context.fault(`${path}.options.from`, 'is required for a mail hook');
    if (to.length === 0) context.fault(`${path}.options.to`, 'is required for a mail hook');
    if (hook.levels.length === 0) context.warn(`${path}.levels`, 'no levels: the hook never fires');
  }
}

const actions = ['pull', 'push', 'mount', 'delete'];

function checkEndpoints(context: RuleContext): void {
  for (const [index, endpoint] of context.draft.notifications.endpoints.entries()) {
    const path = `notifications.endpoints[${index}]`;
    if (endpoint.disabled) continue;
    if (endpoint.url === '')
      context.fault(`${path}.url`, 'is required unless the endpoint is disabled');
    else if (!isHttpUrl(endpoint.url)) {
      context.fault(`${path}.url`, 'must be an http or https URL', maskedUrl(endpoint.url));
    }
    checkHeaders(context, `${path}.headers`, endpoint.headers);
    for (const [at, action] of endpoint.ignore.actions.entries()) {
      if (actions.includes(action)) continue;
      const message = `no such action, ignores nothing; known are [${actions.join(', ')}]`;
      context.warn(`${path}.ignore.actions[${at}]`, message + suggestion(action, actions), action);
    }
  }
}

function checkHeaders(
  context: RuleContext,
  path: string,
  headers: Readonly<Record<string, readonly Secret[]>>,
): void {
  for (const [name, values] of Object.entries(headers)) {
    if (!isHeaderName(name)) context.fault(`${path}.${name}`, 'is not a valid header name');
    if (values.every((value) => isHeaderValue(value.reveal()))) continue;
    context.fault(`${path}.${name}`, 'holds characters that no header may');
  }
}

function checkHealth(context: RuleContext): void {
  const { file, http, tcp } = context.draft.health;
  const seen = new Set<string>();
  const checks = [
    ...file.map((check, index) => [`health.file[${index}].file`, check.file] as const),
    ...http.map((check, index) => [`health.http[${index}].uri`, check.uri] as const),
    ...tcp.map((check, index) => [`health.tcp[${index}].addr`, check.addr] as const),
  ];
  for (const [path, name] of checks) {
    if (name !== '' && seen.has(name)) {
      context.fault(path, 'Check already exists', maskedUrl(name));
    }
    seen.add(name);
    if (path.startsWith('health.http') && name !== '' && !isHttpUrl(name)) {
      context.fault(path, 'must be an http or https URL', maskedUrl(name));
    }
    if (path.startsWith('health.tcp') && name !== '' && !tryParseHostPort(name)?.port) {
      context.fault(path, 'must be HOST:PORT', name);
    }
  }
  for (const [index, check] of http.entries()) {
    checkHeaders(context, `health.http[${index}].headers`, check.headers);
  }
}

function checkValidation(context: RuleContext): void {
  const { urls, indexes } = context.draft.validation.manifests;
  for (const key of ['allow', 'deny'] as const) {
    for (const [index, pattern] of urls[key].entries()) {
      try {
        compileGoRegExp(pattern);
      } catch (error) {
        context.fault(`validation.manifests.urls.${key}[${index}]`, errorText(error), pattern);
      }
    }
  }
  if (indexes.platforms !== 'list' && indexes.platformlist.length > 0) {
    const message = 'has no effect unless platforms is list';
    context.warn('validation.manifests.indexes.platformlist', message);
  }
}
