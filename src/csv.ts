// Rows of a .csv, as RFC 4180 has them: fields in quotation marks may hold commas, line breaks and, twice, quotation
// marks.

/** What a spreadsheet in some countries writes in place of a comma. */
const SEPARATORS = [',', ';', '\t'];

/** Rows of fields; the last line may lack its end. */
export function* csvRows(text: string): Generator<string[], void, undefined> {
  const start = text.startsWith('\uFEFF') ? 1 : 0;
  const separator = separatorOf(text, start);
  // What follows a closing quotation mark belongs to the field all the same; one that is never closed takes the rest.
  const field = new RegExp(
    `(?:"([^"]*(?:""[^"]*)*)"?)?([^${separator}\n]*)(${separator}|\n|$)`,
    'uy',
  );
  field.lastIndex = start;
  let row: string[] = [];
  while (field.lastIndex < text.length) {
    const [, quoted = '', rest = '', end] = field.exec(text) ?? [];
    row.push(quoted.replaceAll('""', '"') + rest.replace(/\r$/u, ''));
    if (end === separator) {
      if (field.lastIndex === text.length) row.push('');
    } else {
      yield row;
      row = [];
    }
  }
  if (row.length > 0) yield row;
}

/** Names in a table's first row; none of an empty one. */
export function csvNames(rows: Iterator<readonly string[]>): readonly string[] {
  const first = rows.next();
  return first.done === true ? [] : first.value.map((name) => name.trim());
}

function separatorOf(text: string, start: number): string {
  const end = text.indexOf('\n', start);
  const head = text.slice(start, end < 0 ? text.length : end);
  const counts = SEPARATORS.map((separator) => head.split(separator).length);
  return SEPARATORS[counts.indexOf(Math.max(...counts))];
}
