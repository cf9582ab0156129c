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
      'Tick the rows in the refactor preview, then press Apply. They start unticked, so that ' +
        'nothing is changed unread; the figure is for all of them together.',
    );
  }
}

export function asksToConfirm({ changeAnnotations = {} }: WorkspaceEdit): boolean {
  return Object.values(changeAnnotations).some(({ needsConfirmation }) => needsConfirmation);
}
