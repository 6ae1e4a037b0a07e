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
  if (rest.length > 0) {
    const more = rest.length > 3 ? ` and ${rest.length - 3} more` : '';
    notes.push(
      `The file holds ${rest.slice(0, 3).join(', ')}${more}, which no GPT-2 has: not used.`,
    );
  }
  return notes;
}
