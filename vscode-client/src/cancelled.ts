import { CancellationError } from 'vscode';
import { LSPErrorCodes, ResponseError } from 'vscode-languageclient/node';

/** Whether the user ended what failed here; they know, as it was their click. */
export function wasCancelled(reason: unknown): boolean {
  if (reason instanceof CancellationError) return true;
  return (
    reason instanceof ResponseError &&
    (reason.code === LSPErrorCodes.RequestCancelled ||
      reason.code === LSPErrorCodes.ServerCancelled)
  );
}
