/** What rooms are set up with, from a configuration file as operators write it. */

import { expect, test } from 'vitest';
import { registrySettings } from '../../src/compose-settings.ts';
import { loaded, minimal } from '../support/config.ts';

test.each([
  ['{}', true],
  ['{disabled: false}', true],
  ['{disabled: true}', false],
  ['{enabled: true}', true],
  ['{enabled: false}', true],
  ['{enabled: true, disabled: true}', true],
  ['{enabled: false, disabled: true}', false],
  ['{enabled: false, disabled: false}', true],
])('validation: %s has manifests checked: %s', (text, isOn) => {
  const config = loaded(`${minimal}validation: ${text}\n`);
  expect(registrySettings(config, 0).validation.enabled).toBe(isOn);
});
