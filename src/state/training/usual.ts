// What the choice of a text and a size brings, and which fields somebody has set to something else.
import type { RunSettings, RunText, TextFacts } from '../../api.ts';
import { followLora, goOnArguments } from './base.ts';
import type { Asked, DraftFacts } from './facts.ts';
import { FIELDS } from './fields.ts';
import { isOfSource, presetOf, tokenizerFor, withPreset } from './presets.ts';

/** Share of the text that is kept back where nobody says another. */
export const VALIDATION = 0.1;

/** A field that is not as the choice brings it. */
export interface OwnField {
  readonly name: string;
  readonly value: string;
  readonly usual: string;
}

type Chosen = Pick<DraftFacts, 'settings' | 'chosen'>;

/** Characters of a text of somebody's own, before it is read; a file's bytes. */
export function lengthOf(text: RunText): number | null {
  if (text.kind !== 'own') return null;
  return typeof text.text === 'string' ? text.text.length : text.text.size;
}

/** The settings as the choice brings them, with its text, its prompt and whose generator draws, which stand in sight. */
export function usualSettings({ settings, chosen }: Chosen, read: Asked<TextFacts>): RunSettings {
  const plain: RunSettings = { ...settings, order: 'random', validation: VALIDATION };
  const { base, model } = settings;
  if (base !== undefined) {
    const args = goOnArguments(model);
    return { ...plain, arguments: base.lora ? followLora(args, true) : args };
  }
  const characters = read.at === 'here' ? read.value.characters : lengthOf(settings.text);
  const tokenizer = presetOf(chosen).tokenizer ?? tokenizerFor(settings.text, characters);
  const usual = { ...withPreset(plain, chosen), tokenizer };
  return isOfSource(chosen) ? { ...usual, generator: 'torch' } : usual;
}

/** Those that somebody, or a link, has set; none where a field is there on one side alone. */
export function ownFields(draft: Chosen, read: Asked<TextFacts>): readonly OwnField[] {
  const usual = usualSettings(draft, read);
  return FIELDS.flatMap((one) => {
    const field = { name: one.name, value: one.read(draft.settings), usual: one.read(usual) };
    // What nobody said goes with what somebody did: a wider model has a wider MLP.
    const unsaid = one.usual ?? one.follows;
    const isUnsaid = field.value === unsaid?.(draft.settings) && field.usual === unsaid(usual);
    const isOne = field.value === field.usual || field.value === '' || field.usual === '';
    return isUnsaid || isOne ? [] : [field];
  });
}
