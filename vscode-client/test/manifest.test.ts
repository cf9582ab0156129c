import assert from 'node:assert/strict';
import test from 'node:test';
import { commands, languages, serverCommands } from '../src/names';
import { readSettings, section } from '../src/settings';
import { manifest, readText } from './manifest';

const { contributes } = manifest;
const properties = contributes.configuration.properties;
const contributed = contributes.commands.map(({ command }) => command);

// extension.ts registers a Record<CommandId, …>: the compiler keeps it complete, so what is left
// to compare is the list of ids.
test('every command that is registered is contributed, and the other way round', () => {
  assert.deepEqual([...contributed].sort(), Object.values(commands).sort());
});

test("the server's commands are left to the language client", () => {
  const own = new Set<string>(contributed);
  assert.deepEqual(
    Object.values(serverCommands).filter((command) => own.has(command)),
    [],
  );
});

test('menus name contributed commands, and the languages of the code', () => {
  for (const { command, when } of Object.values(contributes.menus).flat()) {
    assert.ok(contributed.includes(command), command);
    assert.ok(when.includes(`editorLangId =~ /^(${languages.join('|')})$/`), when);
  }
});

test('every language activates the extension', () => {
  const own = contributes.languages.map(({ id }) => id);
  const events = manifest.activationEvents.map((event) => event.replace('onLanguage:', ''));
  // The editor activates an extension for the languages that it contributes.
  assert.deepEqual([...own, ...events].sort(), [...languages].sort());
});

test('every setting that is read is contributed, and the other way round', () => {
  const read: string[] = [];
  readSettings({
    get: (key) => {
      read.push(`${section}.${key}`);
      return undefined;
    },
  });
  // Read by the language client itself.
  read.push(`${section}.trace.server`);
  assert.deepEqual(read.sort(), Object.keys(properties).sort());
});

test('the contributed defaults are those of the code', () => {
  const settings = readSettings({ get: () => undefined });
  const byDefault = readSettings({
    get: (key) => properties[`${section}.${key}`]?.default,
  });
  assert.deepEqual(byDefault, settings);
});

test('what decides which program runs is out of reach of an untrusted workspace', () => {
  const executable = Object.keys(properties).filter(
    (name) => properties[name]?.scope === 'machine-overridable',
  );
  assert.deepEqual(executable, ['jouleline.python', 'jouleline.server.arguments']);
  assert.deepEqual(manifest.capabilities.untrustedWorkspaces.restrictedConfigurations, executable);
});

test('each step of the walkthrough has its picture or page, and its buttons do something', () => {
  for (const { description, media } of contributes.walkthroughs.flatMap(({ steps }) => steps)) {
    const file = media.svg ?? media.markdown;
    assert.ok(file !== undefined && readText(file) !== '', file);
    if (media.svg !== undefined) assert.ok((media.altText ?? '') !== '', file);
    const own = [...description.matchAll(/\(command:(jouleline\.\w+)\)/g)].map(([, id]) => id);
    for (const id of own) assert.ok(contributed.includes(id ?? ''), id);
  }
});

test('every setting says in words what it does', () => {
  for (const [name, { description, markdownDescription }] of Object.entries(properties)) {
    assert.match(markdownDescription ?? description ?? '', /\.$/, name);
  }
});

test('the lock file names no registry', () => {
  assert.doesNotMatch(readText('package-lock.json'), /"resolved": "https?:/);
});
