// Reads the imports of a source file without a compiler: comments are blanked, then the statements are matched.
import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { root } from './files.ts';

/** What a file imports, type imports and dynamic imports included: a path from the root, or a package's name. */
export interface Import {
  /** As written, for messages. */
  readonly specifier: string;
  /** Path from the root for a relative import (query removed); undefined for a package. */
  readonly file: string | undefined;
}

const STATEMENT = /(?:^|[;}\s])(?:import|export)\s+(?:[\w$*{}\s,]+?\s*from\s*)?(['"])([^'"\n]+)\1/g;
const DYNAMIC = /\bimport\(\s*(['"`])([^'"`\n]+)\1/g;

export function importsOf(path: string, text: string): Import[] {
  const code = withoutComments(text);
  return [...code.matchAll(STATEMENT), ...code.matchAll(DYNAMIC)].map((match) => {
    const specifier = match[2] ?? '';
    if (!specifier.startsWith('.')) return { specifier, file: undefined };
    const target = posix.join(posix.dirname(path), specifier.replace(/\?.*$/, ''));
    return { specifier, file: resolved(target) };
  });
}

/** Imports name their extension here; a file or folder named without one is still found. */
function resolved(target: string): string {
  const candidates = [target, `${target}.ts`, `${target}.tsx`, `${target}/index.ts`];
  return candidates.find((file) => /\.\w+$/.test(file) && existsSync(join(root, file))) ?? target;
}

/** The text with comments blanked; strings and template literals are kept, and their slashes respected. */
export function withoutComments(text: string): string {
  return text.replace(
    /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
    (part) => (part.startsWith('//') || part.startsWith('/*') ? part.replace(/[^\n]/g, ' ') : part),
  );
}
