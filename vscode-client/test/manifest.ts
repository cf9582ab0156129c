import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Tests run compiled, two folders below the package. */
export const root = dirname(dirname(__dirname));

interface Property {
  readonly type: string;
  readonly default: unknown;
  readonly scope: string;
  readonly description?: string;
  readonly markdownDescription?: string;
}

export interface Manifest {
  readonly activationEvents: readonly string[];
  readonly capabilities: {
    readonly untrustedWorkspaces: { readonly restrictedConfigurations: readonly string[] };
  };
  readonly contributes: {
    readonly walkthroughs: readonly {
      readonly steps: readonly {
        readonly description: string;
        readonly media: {
          readonly svg?: string;
          readonly altText?: string;
          readonly markdown?: string;
        };
      }[];
    }[];
    readonly languages: readonly { readonly id: string }[];
    readonly commands: readonly { readonly command: string }[];
    readonly menus: Readonly<
      Record<string, readonly { readonly command: string; readonly when: string }[]>
    >;
    readonly configuration: { readonly properties: Readonly<Record<string, Property>> };
  };
  readonly main: string;
}

export function readText(...path: string[]): string {
  return readFileSync(join(root, ...path), 'utf8');
}

export const manifest = JSON.parse(readText('package.json')) as Manifest;
