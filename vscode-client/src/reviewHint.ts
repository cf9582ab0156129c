import { window } from 'vscode';
import type { WorkspaceEdit } from 'vscode-languageclient/node';

/** Says what the editor does not: rows that ask for a confirmation start unticked. */
export function explainReview({ changeAnnotations = {} }: WorkspaceEdit): void {
  if (!Object.values(changeAnnotations).some(({ needsConfirmation }) => needsConfirmation)) return;
  // What is longer is cut off in the editor's corner.
  void window.showInformationMessage('Rows start unticked: tick all, then press Apply.');
}
