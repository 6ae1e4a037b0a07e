// What is taken out of a run's schooling, or changed in it.
import type { TextEdit } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { show } from '../../json.ts';

/** The text with its edits, one after the other. Throws `training/edit` for a passage that is not there. */
export function edited(bytes: Uint8Array, edits: readonly TextEdit[]): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(editedText(bytes, edits));
}

/** The same, as a text. Throws as `edited`. */
export function editedText(bytes: Uint8Array, edits: readonly TextEdit[]): string {
  let text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  for (const edit of edits) {
    if (edit.passage === '' || !text.includes(edit.passage)) throw missing(edit);
    text = text.split(edit.passage).join(insteadOf(edit));
  }
  return text;
}

function insteadOf({ what, passage, by = '' }: TextEdit): string {
  if (what === 'remove') return '';
  return what === 'double' ? passage + passage : by;
}

function missing({ passage }: TextEdit): EngineError {
  return new EngineError(
    passage === '' ? 'No passage is named.' : `${show(passage)} does not stand in the text.`,
    {
      code: 'training/edit',
      hint: 'Copy the passage from the text as it stands there, line breaks and quotation marks included.',
    },
  );
}
