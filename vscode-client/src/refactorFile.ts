import { window } from 'vscode';
import { wasCancelled } from './cancelled';
import { languages, serverCommands } from './names';
import type { RefactorAnswer } from './refactorAnswer';
import type { Session } from './session';

/** The answer; undefined if the user ended the run. */
export async function refactorFile(session: Session): Promise<RefactorAnswer | undefined> {
  const editor = window.activeTextEditor;
  const language = editor?.document.languageId;
  if (editor === undefined || !languages.some((ours) => ours === language)) {
    throw new Error('open a CUDA, HIP, C++ or C file first; it is what gets refactored.');
  }
  const { document, selection } = editor;
  try {
    return await session.request<RefactorAnswer>(serverCommands.refactor, {
      uri: session.uri(document),
      version: document.version,
      line: selection.active.line,
    });
  } catch (reason) {
    if (!wasCancelled(reason)) throw reason;
    return undefined;
  }
}
