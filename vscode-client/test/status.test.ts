import assert from 'node:assert/strict';
import test from 'node:test';
import { statusView, targetView, type ServerStatus } from '../src/status';

const h200: ServerStatus = {
  device: 'h200',
  deviceName: 'NVIDIA H200',
  target: '',
  state: 'ready',
  message: '',
};

test('a ready server shows its GPU, and a click chooses another', () => {
  const view = statusView({ kind: 'server', server: h200 });
  assert.equal(view.text, '$(circuit-board) NVIDIA H200');
  assert.equal(view.tooltip, 'Bounds are for NVIDIA H200.\nClick to choose a GPU.');
  assert.equal(view.command, 'jouleline.pickDevice');
  assert.equal(view.severity, 'none');
});

test('the target is shown beside the GPU, and a click chooses another', () => {
  assert.match(targetView({ kind: 'server', server: h200 })?.text ?? '', /Here$/);
  const view = targetView({ kind: 'server', server: { ...h200, target: 'gpu-box' } });
  assert.equal(view?.text, '$(vm) gpu-box');
  assert.equal(view.command, 'jouleline.pickTarget');
  assert.equal(targetView({ kind: 'starting' }), undefined);
});

test('work in progress spins, says what it does, and stays when the editor changes', () => {
  const server = { ...h200, state: 'working', message: 'measuring candidate 2 of 3' } as const;
  const view = statusView({ kind: 'server', server });
  assert.match(view.text, /loading~spin.*NVIDIA H200/);
  assert.match(view.tooltip, /^measuring candidate 2 of 3\n/);
  assert.equal(view.always, true);
});

test("an error shows the server's message", () => {
  const server = { ...h200, state: 'error', message: 'unknown device "h20"' } as const;
  const view = statusView({ kind: 'server', server });
  assert.match(view.tooltip, /unknown device "h20"/);
  assert.equal(view.severity, 'error');
});

test('without a name the id is shown, without an id the product', () => {
  const nameless = { ...h200, deviceName: '' };
  assert.match(statusView({ kind: 'server', server: nameless }).text, / h200$/);
  const silent = { ...nameless, device: '' };
  assert.match(statusView({ kind: 'server', server: silent }).text, / Jouleline$/);
});

test('a server that is gone says why, and a click starts it again', () => {
  const view = statusView({ kind: 'stopped', message: 'no Python' });
  assert.match(view.tooltip, /^no Python\n/);
  assert.equal(view.command, 'jouleline.restart');
});

test('without trust a click leads to the trust editor', () => {
  assert.equal(statusView({ kind: 'untrusted' }).command, 'workbench.trust.manage');
});
