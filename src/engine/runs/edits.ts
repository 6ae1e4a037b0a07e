// What is taken out of a run's schooling, or changed in it.
import type { PassageFacts, TextEdit } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { show } from '../../json.ts';

/** Characters (UTF-16) of a text's beginning that are shown. */
const SHOWN = 600;

/** The text with its edits, one after the other. Throws `training/edit` for a passage that is not there. */
export function edited(bytes: Uint8Array, edits: readonly TextEdit[]): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(editedText(bytes, edits));
}

/** A passage in the text with its edits. Throws as `edited`. */
export function passageIn(
  bytes: Uint8Array,
  edits: readonly TextEdit[],
  passage: string,
): PassageFacts {
  const text = editedText(bytes, edits);
  let times = 0;
  if (passage !== '') {
    for (let at = text.indexOf(passage); at >= 0; at = text.indexOf(passage, at + passage.length)) {
      times++;
    }
  }
  // No half of an emoji at the end.
  return { times, beginning: text.slice(0, SHOWN).replace(/[\uD800-\uDBFF]$/u, '') };
}

function editedText(bytes: Uint8Array, edits: readonly TextEdit[]): string {
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
