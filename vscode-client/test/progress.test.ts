import assert from 'node:assert/strict';
import test from 'node:test';
import { ProgressNotifications, type Reporter } from '../src/progress';

/** A fake editor: keeps what it was asked to show, and starts a task only when told to. */
class FakeEditor {
  readonly titles: string[] = [];
  readonly steps: object[] = [];
  readonly cancelled: (string | number)[] = [];
  done = 0;
  pressCancel: () => void = () => undefined;
  start: () => void = () => undefined;
  passedOn = 0;

  readonly progress = new ProgressNotifications(
    (title, cancelled, task) => {
      this.titles.push(title);
      this.pressCancel = cancelled;
      const reporter: Reporter = {
        report: (step) => {
          this.steps.push(step);
        },
      };
      this.start = () => {
        void task(reporter).then(() => {
          this.done += 1;
        });
      };
    },
    (token) => {
      this.cancelled.push(token);
    },
  );

  readonly next = (): void => {
    this.passedOn += 1;
  };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('work that can be cancelled is shown here, and Cancel names its token', async () => {
  const editor = new FakeEditor();
  const { progress, next } = editor;
  progress.handle('t', { kind: 'begin', title: 'Refactoring', cancellable: true }, next);
  editor.start();
  progress.handle('t', { kind: 'report', message: 'building', percentage: 20 }, next);
  progress.handle('t', { kind: 'report', message: 'running', percentage: 50 }, next);
  assert.deepEqual(editor.titles, ['Refactoring']);
  assert.deepEqual(editor.steps, [
    {},
    { message: 'building', increment: 20 },
    { message: 'running', increment: 30 },
  ]);
  assert.equal(editor.passedOn, 0);
  editor.pressCancel();
  assert.deepEqual(editor.cancelled, ['t']);
  assert.equal(editor.done, 0);
  progress.handle('t', { kind: 'end' }, next);
  await settled();
  assert.equal(editor.done, 1);
});

test('the end is passed on, so that the client frees its listener', () => {
  const editor = new FakeEditor();
  editor.progress.handle('t', { kind: 'begin', title: 'x', cancellable: true }, editor.next);
  editor.progress.handle('t', { kind: 'end' }, editor.next);
  assert.equal(editor.passedOn, 1);
});

test('work that cannot be cancelled stays with the client', () => {
  const editor = new FakeEditor();
  editor.progress.handle(1, { kind: 'begin', title: 'Indexing' }, editor.next);
  editor.progress.handle(1, { kind: 'report', percentage: 10 }, editor.next);
  editor.progress.handle(1, { kind: 'end' }, editor.next);
  assert.deepEqual(editor.titles, []);
  assert.equal(editor.passedOn, 3);
});

test('reports before the notification is up are not lost', () => {
  const editor = new FakeEditor();
  const { progress, next } = editor;
  progress.handle('t', { kind: 'begin', title: 'x', cancellable: true, percentage: 0 }, next);
  progress.handle('t', { kind: 'report', message: 'a', percentage: 10 }, next);
  progress.handle('t', { kind: 'report', message: 'b', percentage: 30 }, next);
  editor.start();
  progress.handle('t', { kind: 'report', percentage: 40 }, next);
  assert.deepEqual(editor.steps, [{ message: 'b', increment: 30 }, { increment: 10 }]);
});

test('progress never runs backwards nor past its end', () => {
  const editor = new FakeEditor();
  const { progress, next } = editor;
  progress.handle('t', { kind: 'begin', title: 'x', cancellable: true, percentage: 60 }, next);
  editor.start();
  progress.handle('t', { kind: 'report', percentage: 50 }, next);
  progress.handle('t', { kind: 'report', percentage: 150 }, next);
  assert.deepEqual(editor.steps, [{ increment: 60 }, { increment: 0 }, { increment: 40 }]);
});

test('a server that is gone leaves no notification behind', async () => {
  const editor = new FakeEditor();
  editor.progress.handle('t', { kind: 'begin', title: 'x', cancellable: true }, editor.next);
  editor.start();
  editor.progress.closeAll();
  await settled();
  assert.equal(editor.done, 1);
});
