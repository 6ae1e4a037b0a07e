// The column of a .csv that a run learns.
import { csvNames, csvRows } from '../../csv.ts';
import { EngineError } from '../../errors.ts';
import { show } from '../../json.ts';

/** Texts of a column, by its name in the first row; the first column by default. Throws `training/csv`. */
export function csvColumn(text: string, column?: string): string[] {
  const rows = csvRows(text, refuseBroken);
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

function refuseBroken(line: number): never {
  throw new EngineError(
    `The table has a quotation mark in line ${line.toLocaleString('en')} that opens a field and is not closed where it ends, so that the field takes in what follows.`,
    {
      code: 'training/csv',
      hint: 'Close it there, or write a mark within a field twice (""), and take the file again.',
    },
  );
}
