// The column of a .csv that a run learns.
import { csvNames, csvRows } from '../../csv.ts';
import { EngineError } from '../../errors.ts';
import { show } from '../../json.ts';

/** Texts of a column, by its name in the first row; the first column by default. Throws `training/csv`. */
export function csvColumn(text: string, column?: string): string[] {
  const rows = csvRows(text);
  const names = csvNames(rows);
  const index = column === undefined ? 0 : names.indexOf(column.trim());
  if (index < 0 || names.length === 0) {
    throw new EngineError(
      names.length === 0
        ? 'The table is empty.'
        : `The table has no column ${show(column)}; it has ${names.slice(0, 12).map(show).join(', ')}.`,
      { code: 'training/csv', hint: 'Choose one of its columns, by the name in its first line.' },
    );
  }
  const found: string[] = [];
  for (const row of rows) {
    const cell = row[index]?.trim() ?? '';
    if (cell !== '') found.push(cell);
  }
  return found;
}
