// The columns of a .csv, so that somebody can say which one is meant.
import { csvNames, csvRows } from '../../csv.ts';

/** Names in its first line; none where that is empty. */
export function csvColumns(text: string): readonly string[] {
  const names = csvNames(csvRows(text));
  return names.length === 1 && names[0] === '' ? [] : names;
}
