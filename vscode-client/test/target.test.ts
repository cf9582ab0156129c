import assert from 'node:assert/strict';
import test from 'node:test';
import { targetChoices } from '../src/target';

const file = '/home/me/.config/jouleline/jouleline.toml';
const targets = [
  { name: 'cluster', runner: 'slurm', host: 'login.example', problem: '' },
  { name: 'gpu-box', runner: 'ssh', host: 'gpu-box', problem: '' },
  { name: 'typo', runner: '', host: '', problem: 'host is missing' },
];

test('this machine comes first, then the targets, and last the way to describe another', () => {
  const choices = targetChoices({ current: '', file, targets });
  assert.deepEqual(
    choices.map(({ target }) => target),
    ['', 'cluster', 'gpu-box', 'typo', undefined],
  );
  assert.equal(choices[0]?.label, '$(check) Here');
  assert.equal(choices[1]?.description, 'slurm · login.example');
  assert.equal(choices.at(-1)?.description, file);
});

test('the current target comes first, so that Enter at once changes nothing', () => {
  const [first] = targetChoices({ current: 'gpu-box', file, targets });
  assert.equal(first?.label, '$(check) gpu-box');
});

test('a target that is described wrongly says what is wrong', () => {
  const choices = targetChoices({ current: '', file, targets });
  assert.deepEqual(
    choices
      .filter(({ detail }) => detail !== undefined)
      .map(({ label, detail }) => [label, detail]),
    [['$(warning) typo', 'host is missing']],
  );
});
