// Bundles the extension, and writes the licences of what went into the bundle: they ask for it.
import { build } from 'esbuild';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['src/extension.ts'],
  outfile: 'out/extension.js',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  // The Node inside the oldest VS Code that package.json admits.
  target: 'node20',
  external: ['vscode'],
  minify: true,
  // Stack traces in bug reports stay readable.
  keepNames: true,
  metafile: true,
  logLevel: 'warning',
});

const folders = new Set(
  Object.keys(metafile.inputs)
    .map((input) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1])
    .filter((folder) => folder !== undefined),
);
const notices = [...folders].sort().map((folder) => {
  const directory = join(root, ...folder.split('/'));
  const { name, version, license } = JSON.parse(
    readFileSync(join(directory, 'package.json'), 'utf8'),
  );
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${directory}${sep} has no licence file to pass on`);
  const text = readFileSync(join(directory, file), 'utf8').replaceAll('\r\n', '\n').trim();
  return `${name} ${version} (${license})\n\n${text}\n`;
});
writeFileSync(
  join(root, 'out', 'THIRD_PARTY_NOTICES.txt'),
  `Jouleline's extension contains the packages below.\n\n${notices.join(`\n${'-'.repeat(80)}\n\n`)}`,
);
