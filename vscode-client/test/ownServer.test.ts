import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { OwnServer } from '../src/ownServer';

function inFolder(act: (folder: string) => Promise<void> | void): () => Promise<void> {
  return async () => {
    const folder = mkdtempSync(join(tmpdir(), 'jouleline-'));
    try {
      await act(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

const quiet = (): void => undefined;
const never = new AbortController().signal;

test(
  'the wheel that came with the extension is what is installed, else the package by its name',
  inFolder((folder) => {
    const own = new OwnServer(folder, '1.0.0', join(folder, 'bundled'));
    assert.equal(own.requirement, 'jouleline');
    mkdirSync(join(folder, 'bundled'));
    const wheel = join(folder, 'bundled', 'jouleline-1.0.0-py3-none-any.whl');
    writeFileSync(wheel, '');
    assert.equal(own.requirement, wheel);
    assert.equal(own.interpreter, undefined);
  }),
);

/** A fake Python, a shell script: "-c ... FOLDER" makes an environment whose pip does as told. */
function fakePython(folder: string, pip: string): string {
  const path = join(folder, 'fake-python');
  const lines = [
    '#!/bin/sh',
    'mkdir -p "$3/bin"',
    `printf '#!/bin/sh\\necho "$@"\\n${pip}\\n' > "$3/bin/python"`,
    'chmod +x "$3/bin/python"',
  ];
  writeFileSync(path, lines.join('\n'));
  chmodSync(path, 0o755);
  return path;
}

test(
  'the first interpreter that can makes the environment, and pip fills it',
  inFolder(async (folder) => {
    const storage = join(folder, 'storage');
    const own = new OwnServer(storage, '1.0.0', join(folder, 'bundled'));
    const said: string[] = [];
    const interpreters = [join(folder, 'none'), fakePython(folder, 'exit 0')];
    await own.install(interpreters, never, (line) => said.push(line));
    assert.equal(own.interpreter, join(storage, 'server-1.0.0', 'bin', 'python'));
    assert.match(said.join('\n'), /^-m pip install .*--no-input jouleline$/m);
    assert.equal(new OwnServer(storage, '1.1.0', folder).interpreter, undefined);
  }),
);

test(
  'an installation that fails says why and leaves nothing behind',
  inFolder(async (folder) => {
    const own = new OwnServer(join(folder, 'storage'), '1.0.0', folder);
    const python = fakePython(folder, 'echo no index >&2; exit 1');
    await assert.rejects(own.install([python], never, quiet), /no index/);
    assert.equal(own.interpreter, undefined);
    assert.deepEqual(readdirSync(join(folder, 'storage')), []);
    await assert.rejects(
      own.install([join(folder, 'none')], never, quiet),
      /no Python could make an environment: .*Install Python 3\.11 or later/,
    );
    assert.ok(existsSync(join(folder, 'storage')));
  }),
);
