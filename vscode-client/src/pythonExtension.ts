import { extensions, type Disposable, type Event, type Uri } from 'vscode';

/** The part of the Python extension's public API used here. */
interface PythonApi {
  readonly environments: {
    getActiveEnvironmentPath(resource?: Uri): { readonly path: string };
    resolveEnvironment(environment: {
      readonly path: string;
    }): Promise<{ readonly executable: { readonly uri?: Uri } } | undefined>;
    readonly onDidChangeActiveEnvironmentPath: Event<unknown>;
  };
}

/** Another extension's failure must not cost the user this one. */
async function api(report: (reason: unknown) => void): Promise<PythonApi | undefined> {
  const extension = extensions.getExtension<PythonApi>('ms-python.python');
  if (extension === undefined) return undefined;
  try {
    return await extension.activate();
  } catch (reason) {
    report(reason);
    return undefined;
  }
}

export async function chosenInterpreter(
  folder: Uri | undefined,
  report: (reason: unknown) => void,
): Promise<string | undefined> {
  const python = await api(report);
  if (python === undefined) return undefined;
  try {
    const active = python.environments.getActiveEnvironmentPath(folder);
    const environment = await python.environments.resolveEnvironment(active);
    return environment?.executable.uri?.fsPath;
  } catch (reason) {
    report(reason);
    return undefined;
  }
}

export async function onInterpreterChange(
  changed: () => void,
  report: (reason: unknown) => void,
): Promise<Disposable | undefined> {
  const python = await api(report);
  return python?.environments.onDidChangeActiveEnvironmentPath(changed);
}
