// What a checkpoint holds beside the model: heads for other tasks, and tensors that nobody knows.
import type { GptConfig } from './config.ts';
import { type Layout, type TensorShapes, expectedNames } from './layouts.ts';

/** Heads that transformers and TRL put on GPT-2's body, and what each is for. */
const HEADS: readonly (readonly [name: RegExp, purpose: string])[] = [
  [/(?:^|\.)score\./, 'that classifies whole texts'],
  [/(?:^|\.)classifier\./, 'that classifies tokens'],
  [/(?:^|\.)qa_outputs\./, 'that marks answers in a text'],
  [/(?:^|\.)multiple_choice_head\./, 'that chooses among continuations'],
  [/(?:^|\.)v_head\./, 'that values texts for reinforcement learning'],
];

/** What lies inside a block, or is a norm, computes something. */
const IN_MODEL =
  /(?:^|\.)(?:h|blocks|trf_blocks)\.\d+\.|(?:^|[._])(?:ln|norm|layernorm)\w*\.(?:weight|bias|scale|shift)$/i;

/** Of tensors that no part of the model is made of, in sentences for people. */
export function notesOnUnused(
  layout: Layout,
  config: GptConfig,
  shapes: TensorShapes,
): readonly string[] {
  const used = new Set(expectedNames(layout, config));
  // A tied head that is stored all the same is the embedding once more.
  for (const name of layout.namesOf('lmHead.weight')) used.add(name);
  let rest = [...shapes.keys()].filter((name) => !used.has(name));
  const notes: string[] = [];
  for (const [pattern, purpose] of HEADS) {
    const found = rest.filter((name) => pattern.test(name));
    if (found.length === 0) continue;
    rest = rest.filter((name) => !pattern.test(name));
    const writes = config.tiedHead
      ? 'The body writes with its token embedding as head'
      : 'Its own head writes';
    notes.push(
      `The file holds a head ${purpose} (${found[0]}), which is not used. ${writes}, for which such training may have made it worse.`,
    );
  }
  for (const prefix of otherModels(layout, rest)) {
    rest = rest.filter((name) => !name.startsWith(prefix));
    notes.push(
      `The file holds another model too, under the names that begin with ${prefix}: not used.`,
    );
  }
  if (rest.length > 0) {
    const more = rest.length > 3 ? ` and ${rest.length - 3} more` : '';
    const other = rest.some((name) => IN_MODEL.test(name))
      ? ' Where it was made they took part in its numbers, which are others here.'
      : '';
    notes.push(
      `The file holds ${rest.slice(0, 3).join(', ')}${more}, which no GPT-2 has: not used.${other}`,
    );
  }
  return notes;
}

/** What the names of other models begin with that lie beside the one that is read. */
function otherModels(layout: Layout, rest: readonly string[]): string[] {
  const [first] = layout.namesOf('h.0.attn.cProj.weight');
  const [own] = layout.namesOf('wte.weight');
  // What both begin with is what may be missing, or other, in another model's names.
  const tail = own.slice(own.lastIndexOf('.', own.length - '.weight'.length - 1) + 1);
  const inner = first.includes('transformer.h.0.') ? 'transformer.' : '';
  return rest
    .filter((name) => name.endsWith(`.${inner}${tail}`))
    .map((name) => name.slice(0, -(inner + tail).length));
}
