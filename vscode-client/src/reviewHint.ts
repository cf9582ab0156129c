import { window, type Memento } from 'vscode';
import type { WorkspaceEdit } from 'vscode-languageclient/node';

const key = 'jouleline.reviewExplained';

/** Says once, ever, what the editor does not: rows that ask for a confirmation start unticked. */
export class ReviewHint {
  constructor(private readonly memory: Memento) {}

  before(edit: WorkspaceEdit): void {
    if (!asksToConfirm(edit) || this.memory.get(key) === true) return;
    void this.memory.update(key, true);
    // What is longer is cut off in the editor's corner.
    void window.showInformationMessage('Rows start unticked: tick them, then press Apply.');
  }
}

export function asksToConfirm({ changeAnnotations = {} }: WorkspaceEdit): boolean {
  return Object.values(changeAnnotations).some(({ needsConfirmation }) => needsConfirmation);
}
