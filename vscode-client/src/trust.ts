import { workspace } from 'vscode';
import { untrusted } from './messages';

/** Whether something may be started here; if not, the user is told why, with a button to change it. */
export function mayStart(what: string): boolean {
  if (workspace.isTrusted) return true;
  untrusted(
    `${what} needs a trusted workspace: Jouleline starts, builds and runs nothing in ` +
      'one that you do not trust.',
  );
  return false;
}
