// A run's last checkpoint as the files of a model, for whoever looks at a step that no store has as one.
import type { Trainer } from '../../api.ts';

/** Throws `training/no-checkpoint`. */
export async function modelFiles(
  trainer: Pick<Trainer, 'exportRun'>,
  id: string,
): Promise<readonly File[]> {
  const files: { readonly name: string; readonly parts: Uint8Array<ArrayBuffer>[] }[] = [];
  for await (const event of trainer.exportRun({ id, what: 'model' })) {
    if (event.type === 'file') files.push({ name: event.name, parts: [] });
    else if (event.type === 'bytes') files.at(-1)?.parts.push(event.bytes);
  }
  return files.map(({ name, parts }) => new File(parts, name));
}
