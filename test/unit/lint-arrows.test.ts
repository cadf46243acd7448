import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const project = fileURLToPath(new URL('../..', import.meta.url));

/** The fixture in a folder of its own: in its place the project's own lint leaves it out. */
const folder = mkdtempSync(join(tmpdir(), 'longshore-lint-'));
cpSync(join(project, 'test/lint-fixture'), folder, { recursive: true });
copyFileSync(join(project, '.biome.jsonc'), join(folder, '.biome.jsonc'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function refusals(file: string): string {
  const biome = join(project, 'node_modules/.bin/biome');
  const args = ['lint', '--vcs-enabled=false', '--only=style/noRestrictedImports', file];
  const { stdout, stderr } = spawnSync(biome, args, { cwd: folder, encoding: 'utf8' });
  return stdout + stderr;
}

describe('the arrows between rooms', () => {
  it.each([
    'src/oci/uses-registry.ts',
    'src/registry/uses-http.ts',
    'src/storage/drivers/x/uses-registry.ts',
    'src/http/handlers/uses-storage.ts',
    'src/config/rules/uses-driver.ts',
  ])('are held by lint: %s is refused', (file) => {
    expect(refusals(file)).toContain('An arrow turns back');
  });

  it('let through what is allowed', () => {
    const text = refusals('src/config/rules/reads-options.ts');
    expect(text).toContain('Checked 1 file');
    expect(text).not.toContain('An arrow turns back');
  });
});
