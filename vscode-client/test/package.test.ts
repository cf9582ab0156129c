import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { readText, root } from './manifest';

/** The names in a zip's central directory, which is all that a listing needs. */
function zipEntries(archive: Buffer): string[] {
  const end = archive.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  let at = archive.readUInt32LE(end + 16);
  return Array.from({ length: archive.readUInt16LE(end + 10) }, () => {
    const [name, extra, comment] = [28, 30, 32].map((field) => archive.readUInt16LE(at + field));
    const start = at + 46;
    at = start + (name ?? 0) + (extra ?? 0) + (comment ?? 0);
    return archive.toString('utf8', start, start + (name ?? 0));
  });
}

test('the package holds exactly what the extension needs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'jouleline-'));
  try {
    const file = join(folder, 'jouleline.vsix');
    const vsce = join(root, 'node_modules', '@vscode', 'vsce', 'vsce');
    execFileSync(
      process.execPath,
      [vsce, 'package', '--no-dependencies', '--allow-unused-files-pattern', '--out', file],
      {
        cwd: root,
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    const entries = zipEntries(readFileSync(file)).sort();
    // The server comes along where it was built before, by "make package".
    const wheels = entries.filter((name) => name.startsWith('extension/server/'));
    assert.ok(wheels.length <= 1, wheels.join());
    assert.deepEqual(
      wheels.filter((name) => !/\/jouleline-[\w.]+-[\w.-]+\.whl$/.test(name)),
      [],
    );
    const others = entries.filter((name) => !wheels.includes(name));
    assert.deepEqual(others, [
      '[Content_Types].xml',
      'extension.vsixmanifest',
      'extension/CHANGELOG.md',
      'extension/LICENSE.txt',
      'extension/README.md',
      'extension/icon.png',
      'extension/language-configuration.json',
      'extension/out/THIRD_PARTY_NOTICES.txt',
      'extension/out/extension.js',
      'extension/package.json',
      'extension/syntaxes/hip.tmLanguage.json',
      'extension/walkthrough/bounds.svg',
      'extension/walkthrough/gpu.svg',
      'extension/walkthrough/refactor.svg',
      'extension/walkthrough/runs.md',
      'extension/walkthrough/server.md',
      'extension/walkthrough/trust.md',
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the bundle carries the licences of what it contains', () => {
  const notices = readText('out', 'THIRD_PARTY_NOTICES.txt');
  for (const name of ['vscode-languageclient', 'vscode-jsonrpc', 'semver', 'minimatch']) {
    assert.match(notices, new RegExp(`^${name} \\d`, 'm'));
  }
});
