import { ConfigurationTarget, Uri, window, workspace } from 'vscode';
import { serverCommands } from './names';
import type { Session } from './session';
import { section } from './settings';
import { targetChoices, type Targets } from './target';

/** Lets the user choose where refactorings run. The choice is theirs, and no workspace's. */
export async function pickTarget(session: Session): Promise<void> {
  const targets = await session.request<Targets>(serverCommands.targets);
  const choice = await window.showQuickPick(targetChoices(targets), {
    title: 'Jouleline: Choose Target',
    placeHolder: 'Where refactorings build, run and measure',
    matchOnDescription: true,
  });
  if (choice === undefined) return;
  if (choice.target === undefined) {
    await describeTargets(Uri.file(targets.file));
    return;
  }
  await session.request(serverCommands.selectTarget, { target: choice.target });
  await workspace
    .getConfiguration(section)
    .update('target', choice.target, ConfigurationTarget.Global);
}

async function describeTargets(file: Uri): Promise<void> {
  const there = await workspace.fs.stat(file).then(
    () => true,
    () => false,
  );
  await window.showTextDocument(there ? file : file.with({ scheme: 'untitled' }));
}
