import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { expandPath, findPython, importProbe, probeFailure, type Probe } from '../src/python';

const onPath = ['python3', 'python'];
const nothingChosen = (): Promise<undefined> => Promise.resolve(undefined);

/** A fake probe: knows a few interpreters, and records the order in which it was asked. */
function fakeProbe(good: readonly string[]): { probe: Probe; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    probe: (interpreter) => {
      asked.push(interpreter);
      return Promise.resolve(good.includes(interpreter) ? undefined : 'not found');
    },
  };
}

test('the setting wins and nothing else is asked', async () => {
  const { probe, asked } = fakeProbe(['/mine/python', 'python3']);
  const chosen = (): Promise<string> => Promise.reject(new Error('must not be called'));
  const found = await findPython(
    { configured: '/mine/python', chosen, own: undefined, onPath },
    probe,
  );
  assert.equal(found.interpreter, '/mine/python');
  assert.deepEqual(asked, ['/mine/python']);
});

test('a setting that does not work is complained about, not replaced', async () => {
  const { probe, asked } = fakeProbe(['python3']);
  const found = await findPython(
    { configured: '/old/python', chosen: nothingChosen, own: undefined, onPath },
    probe,
  );
  assert.ok(found.interpreter === undefined);
  assert.match(found.problem, /\/old\/python \(not found\)/);
  assert.match(found.problem, /jouleline\.python/);
  assert.doesNotMatch(found.problem, /pip install/);
  assert.deepEqual(asked, ['/old/python']);
});

test('a setting whose interpreter lacks the package says how to install it there', async () => {
  const found = await findPython(
    { configured: '/old/python', chosen: nothingChosen, own: undefined, onPath },
    () => Promise.resolve('the package is not installed'),
  );
  assert.ok(found.interpreter === undefined);
  assert.match(found.problem, /empty it and let the extension install the server/);
});

test("the Python extension's interpreter comes before the PATH", async () => {
  const { probe } = fakeProbe(['/venv/python', 'python3']);
  const chosen = (): Promise<string> => Promise.resolve('/venv/python');
  const found = await findPython({ configured: '', chosen, own: undefined, onPath }, probe);
  assert.equal(found.interpreter, '/venv/python');
});

test('the PATH is tried when the chosen interpreter lacks the package', async () => {
  const { probe, asked } = fakeProbe(['python']);
  const chosen = (): Promise<string> => Promise.resolve('/venv/python');
  const found = await findPython({ configured: '', chosen, own: undefined, onPath }, probe);
  assert.equal(found.interpreter, 'python');
  assert.deepEqual(asked, ['/venv/python', 'python3', 'python']);
});

test('no interpreter is asked twice', async () => {
  const { probe, asked } = fakeProbe([]);
  const chosen = (): Promise<string> => Promise.resolve('python3');
  await findPython({ configured: '', chosen, own: undefined, onPath }, probe);
  assert.deepEqual(asked, ['python3', 'python']);
});

test('one message says what was tried, what is missing and what to do', async () => {
  const { probe } = fakeProbe([]);
  const found = await findPython(
    { configured: '', chosen: nothingChosen, own: undefined, onPath },
    probe,
  );
  assert.ok(found.interpreter === undefined);
  assert.match(found.problem, /python3 \(not found\), python \(not found\)/);
  assert.match(found.problem, /Jouleline: Install Server/);
  assert.match(found.problem, /"jouleline\.python"/);
});

test('the reason for a failed probe is one a user can act on', () => {
  assert.equal(probeFailure({ code: 'ENOENT' }, ''), 'not found');
  assert.equal(probeFailure({ code: 'EACCES' }, ''), 'not executable');
  assert.equal(probeFailure({ code: null, killed: true }, ''), 'no answer');
  assert.equal(
    probeFailure({ code: 1 }, "Traceback\nModuleNotFoundError: No module named 'jouleline'\n"),
    'the package is not installed',
  );
  assert.equal(
    probeFailure({ code: 1 }, "Traceback\nModuleNotFoundError: No module named 'lsprotocol'\n"),
    "ModuleNotFoundError: No module named 'lsprotocol'",
  );
  assert.equal(probeFailure({ code: 9009 }, ''), 'failed with 9009');
});

test('the real probe tells a missing program from one without the package', async () => {
  const probe = importProbe(__dirname);
  assert.equal(await probe(join(__dirname, 'no-such-python')), 'not found');
  // Node stands in for a Python without the package: it runs, and fails on "-c import".
  assert.notEqual(await probe(process.execPath), undefined);
});

test('path settings: home, workspace folder, relative paths, bare names', () => {
  assert.equal(expandPath('~/venv/bin/python', '/w', '/home/me'), '/home/me/venv/bin/python');
  assert.equal(expandPath('${workspaceFolder}/.venv/bin/python', '/w'), '/w/.venv/bin/python');
  assert.equal(expandPath('.venv/bin/python', '/w'), join('/w', '.venv/bin/python'));
  assert.equal(expandPath('python3.12', '/w'), 'python3.12');
  assert.equal(expandPath('/usr/bin/python3', '/w'), '/usr/bin/python3');
  assert.equal(expandPath('', '/w'), '');
});

test("the extension's own environment comes after the chosen interpreter, before the PATH", async () => {
  const { probe, asked } = fakeProbe(['python3']);
  const chosen = (): Promise<string> => Promise.resolve('/venv/python');
  await findPython({ configured: '', chosen, own: '/own/python', onPath }, probe);
  assert.deepEqual(asked, ['/venv/python', '/own/python', 'python3']);
});
