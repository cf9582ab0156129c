import { window, type Memento } from 'vscode';
import type { WorkspaceEdit } from 'vscode-languageclient/node';

const key = 'jouleline.reviewExplained';

/** Says once, ever, what the editor does not: rows that ask for a confirmation start unticked. */
export class ReviewHint {
  constructor(private readonly memory: Memento) {}

  before(edit: WorkspaceEdit): void {
    if (!asksToConfirm(edit) || this.memory.get(key) === true) return;
    void this.memory.update(key, true);
    void window.showInformationMessage(
      'The refactor preview shows the measured edit with its rows unticked, so that nothing is ' +
        'changed unread. Tick all rows, then press Apply: the figure is for the whole edit.',
    );
  }
}

export function asksToConfirm({ changeAnnotations = {} }: WorkspaceEdit): boolean {
  return Object.values(changeAnnotations).some(({ needsConfirmation }) => needsConfirmation);
}
