// Rows of a .csv, as RFC 4180 has them: fields in quotation marks may hold commas, line breaks and, twice, quotation
// marks.

/** What a spreadsheet in some countries writes in place of a comma. */
const SEPARATORS = [',', ';', '\t'];

/**
 * Rows of fields; the last line may lack its end. `broken` hears of the line in which a field is opened by a quotation
 * mark that is not closed where the field ends, so that it has swallowed what follows.
 */
export function* csvRows(
  text: string,
  broken: (line: number) => void = () => {},
): Generator<string[], void, undefined> {
  const start = text.startsWith('\uFEFF') ? 1 : 0;
  const separator = separatorOf(text, start);
  // What follows a closing quotation mark belongs to the field all the same; one that is never closed takes the rest.
  const field = new RegExp(
    `(?:"([^"]*(?:""[^"]*)*)("|$))?([^${separator}\n]*)(${separator}|\n|$)`,
    'uy',
  );
  field.lastIndex = start;
  let row: string[] = [];
  let line = 1;
  while (field.lastIndex < text.length) {
    const [, quoted = '', close, rest = '', end] = field.exec(text) ?? [];
    const breaks = lineBreaks(quoted);
    // A stray mark within a line does no harm; behind other lines it is the one that opens the next field.
    if (close === '' || (breaks > 0 && rest.trim() !== '')) broken(line);
    line += breaks + (end === '\n' ? 1 : 0);
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

function lineBreaks(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
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
