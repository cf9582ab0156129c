import { window, type TextEditor } from 'vscode';
import { wasCancelled } from './cancelled';
import { languages, serverCommands } from './names';
import type { RefactorAnswer } from './refactorAnswer';
import type { Session } from './session';

/** @throws Error with what to do, if the active editor holds none of our languages */
export function activeSource(otherwise: string): TextEditor {
  const editor = window.activeTextEditor;
  const language = editor?.document.languageId;
  if (editor === undefined || !languages.some((ours) => ours === language)) {
    throw new Error(otherwise);
  }
  return editor;
}

/** The answer; undefined if the user ended the run. */
export async function refactorFile(session: Session): Promise<RefactorAnswer | undefined> {
  const { document, selection } = activeSource(
    'open a CUDA, HIP, C++ or C file first; it is what gets refactored.',
  );
  return unlessCancelled(
    session.request<RefactorAnswer>(serverCommands.refactor, {
      uri: session.uri(document),
      version: document.version,
      line: selection.active.line,
    }),
  );
}

/** Goes on with a run that did not end. */
export async function resumeRun(
  session: Session,
  record: string,
): Promise<RefactorAnswer | undefined> {
  return unlessCancelled(session.request<RefactorAnswer>(serverCommands.resume, { record }));
}

async function unlessCancelled<Answer>(request: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await request;
  } catch (reason) {
    if (!wasCancelled(reason)) throw reason;
    return undefined;
  }
}
