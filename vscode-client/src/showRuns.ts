import { window, workspace } from 'vscode';
import { parseHistory, programName, runChoices, type PastRun } from './history';
import { describe } from './messages';
import { runModule } from './process';
import { recordOf } from './refactorAnswer';
import { resumeRun } from './refactorFile';
import type { ResultPanels } from './resultPanel';
import type { Session } from './session';

/** Lets the user choose one of the runs that were kept, and shows it, or goes on with it. */
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
    await goOn(session, panels, choice.run);
    return;
  }
  await panels.show(choice.run.folder);
}

async function goOn(session: Session, panels: ResultPanels, run: PastRun): Promise<void> {
  if (run.underWay) {
    void window.showInformationMessage(
      `The run of ${programName(run)} is under way: its progress is shown where it was begun, or where the program was opened since.`,
    );
    return;
  }
  const resume = 'Resume';
  const answer = await window.showInformationMessage(
    `The run of ${programName(run)} did not end, so it has no result. Resume goes on where it was cut off, and pays for nothing twice.`,
    resume,
  );
  if (answer !== resume) return;
  const record = recordOf(await resumeRun(session, run.folder));
  if (record !== undefined) await panels.show(record);
}
