import { window, workspace } from 'vscode';
import { parseHistory, runChoices } from './history';
import { describe } from './messages';
import { runModule } from './process';
import type { ResultPanels } from './resultPanel';
import type { Session } from './session';

/** Lets the user choose one of the runs that were kept, and shows it. */
export async function showRuns(session: Session, panels: ResultPanels): Promise<void> {
  const interpreter = await session.interpreter();
  if (interpreter === undefined) return;
  let answer: string;
  try {
    answer = await runModule(interpreter, session.folder, ['history', '--format', 'json']);
  } catch (reason) {
    throw new Error(`the past runs could not be listed: ${describe(reason)}`, { cause: reason });
  }
  const runs = parseHistory(answer);
  if (runs.length === 0) {
    void window.showInformationMessage(
      'No run has been kept yet. "Jouleline: Refactor for Energy" keeps one.',
    );
    return;
  }
  const folders = (workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
  const choice = await window.showQuickPick(runChoices(runs, folders), {
    title: 'Jouleline: Past Runs',
    placeHolder: 'The run to show',
    matchOnDescription: true,
    matchOnDetail: true,
  });
  if (choice === undefined) return;
  if (!choice.run.ended) {
    throw new Error(
      `that run did not end, so it has no result. Go on with it in a terminal: ` +
        `jouleline refactor "${choice.run.program}" --resume`,
    );
  }
  await panels.show(choice.run.folder);
}
