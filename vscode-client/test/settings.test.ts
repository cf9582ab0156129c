import assert from 'node:assert/strict';
import test from 'node:test';
import { initializationOptions, readSettings, type Configuration } from '../src/settings';

function fakeConfiguration(values: Record<string, unknown>): Configuration {
  return { get: (key) => values[key] };
}

test("settings become the server's initialization options", () => {
  const settings = readSettings(
    fakeConfiguration({
      gpu: 'h200',
      arguments: '1000 10',
      target: ' gpu-box ',
      outlive: 'always',
      'inlayHints.enable': false,
      'codeLens.enable': true,
      'compiledEvidence.enable': false,
      'diagnostics.enable': false,
      'hover.picture': 'off',
      'server.arguments': ['--log', 'debug'],
    }),
  );
  assert.deepEqual(initializationOptions(settings), {
    gpu: 'h200',
    arguments: '1000 10',
    target: 'gpu-box',
    outlive: 'always',
    inlayHints: { enable: false },
    codeLens: { enable: true },
    compiledEvidence: { enable: false },
    diagnostics: { enable: false },
    hover: { picture: 'off' },
  });
  assert.deepEqual(settings.serverArguments, ['--log', 'debug']);
});

test('values of the wrong type fall back to the default', () => {
  const settings = readSettings(
    fakeConfiguration({ gpu: 7, python: null, 'server.arguments': '--log' }),
  );
  assert.equal(settings.gpu, '');
  assert.equal(settings.python, '');
  assert.equal(settings.inlayHints, true);
  assert.equal(settings.compiledEvidence, true);
  assert.equal(settings.diagnostics, true);
  assert.equal(settings.hoverPicture, 'auto');
  assert.equal(settings.outlive, 'targets');
  assert.deepEqual(settings.serverArguments, []);
});
