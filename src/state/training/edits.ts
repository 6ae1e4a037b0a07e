// What is taken out of a run's schooling, or changed in it, in words.
import type { RunFacts, RunSettings, TextEdit } from '../../api.ts';

/** Characters of a passage that a name has room for. */
const MOST = 28;
const MOST_NAME = 120;

/** `without “the fox”`, `with “the fox” twice`, `with “a hen” for “the fox”`. */
export function editWords({ what, passage, by = '' }: TextEdit): string {
  if (what === 'remove') return `without ${quoted(passage)}`;
  return what === 'double'
    ? `with ${quoted(passage)} twice`
    : `with ${quoted(by)} for ${quoted(passage)}`;
}

/** What a twin has of its own beside the run that it is a twin of; `once more` where that is nothing. */
export function twinWords(
  first: Pick<RunSettings, 'edits'>,
  twin: Pick<RunSettings, 'edits'>,
): string {
  const own = ownEdits(first, twin);
  return own.length === 0 ? 'once more' : own.map(editWords).join(', ');
}

/** Edits of a twin that the first does not have. */
export function ownEdits(
  first: Pick<RunSettings, 'edits'>,
  twin: Pick<RunSettings, 'edits'>,
): readonly TextEdit[] {
  return (twin.edits ?? []).slice(first.edits?.length ?? 0);
}

/** `My text without “the fox”`: without the size, which is the same. */
export function twinName(
  { name, settings }: Pick<RunFacts, 'name' | 'settings'>,
  edit: TextEdit | null,
): string {
  const { n_layer, n_embd } = settings.model;
  const size = `, ${n_layer} × ${n_embd}`;
  const title = name.endsWith(size) ? name.slice(0, -size.length) : name;
  return `${title} ${edit === null ? 'once more' : editWords(edit)}`.slice(0, MOST_NAME);
}

function quoted(passage: string): string {
  const line = passage.replaceAll(/\s+/gu, ' ').trim();
  if (line === '') return passage === '' ? 'nothing' : 'white space';
  const signs = [...line];
  return `“${signs.length > MOST ? `${signs.slice(0, MOST - 1).join('')}…` : line}”`;
}
