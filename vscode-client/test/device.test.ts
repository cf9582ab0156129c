import assert from 'node:assert/strict';
import test from 'node:test';
import { deviceChoices } from '../src/device';

const devices = [
  { id: 'a100-sxm4-40gb', name: 'NVIDIA A100', vendor: 'nvidia', architecture: 'sm_80' },
  { id: 'h200', name: 'NVIDIA H200', vendor: 'nvidia', architecture: 'sm_90' },
  { id: 'mi250x-gcd', name: 'AMD MI250X', vendor: 'amd', architecture: '' },
];

test('the current GPU comes first, the others keep the order of the server', () => {
  const choices = deviceChoices({ current: 'h200', devices });
  assert.deepEqual(
    choices.map(({ id }) => id),
    ['h200', 'a100-sxm4-40gb', 'mi250x-gcd'],
  );
  assert.equal(choices[0]?.label, '$(check) h200');
});

test('each choice shows name and architecture, and the vendor if the name lacks it', () => {
  const unnamed = { id: 'x1', name: 'X1', vendor: 'Maker', architecture: 'X' };
  const choices = deviceChoices({ current: 'none', devices: [...devices, unnamed] });
  assert.deepEqual(
    choices.map(({ description, detail }) => [description, detail]),
    [
      ['NVIDIA A100', 'sm_80'],
      ['NVIDIA H200', 'sm_90'],
      ['AMD MI250X', ''],
      ['X1', 'Maker · X'],
    ],
  );
});
