// Rows of a .csv, as RFC 4180 has them: fields in quotation marks may hold commas, line breaks and, twice, quotation
// marks.

/** What a spreadsheet in some countries writes in place of a comma. */
const SEPARATORS = [',', ';', '\t'];

/** Rows of fields; the last line may lack its end. */
export function* csvRows(text: string): Generator<string[], void, undefined> {
  const start = text.startsWith('\uFEFF') ? 1 : 0;
  const separator = separatorOf(text, start);
  let row: string[] = [];
  let at = start;
  while (at < text.length) {
    let field = '';
    if (text[at] === '"') {
      const end = closingQuote(text, at);
      field = text.slice(at + 1, end).replaceAll('""', '"');
      at = end + 1;
    }
    // What follows a closing quotation mark belongs to the field all the same.
    const next = nextEnd(text, at, separator);
    row.push(field + text.slice(at, next).replace(/\r$/u, ''));
    at = next + 1;
    if (next < text.length && text[next] === separator) {
      if (at === text.length) row.push('');
      continue;
    }
    yield row;
    row = [];
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

function closingQuote(text: string, opening: number): number {
  for (let at = opening + 1; ; at += 2) {
    at = text.indexOf('"', at);
    // A quotation mark that is never closed: the rest of the text is the field.
    if (at < 0) return text.length;
    if (text[at + 1] !== '"') return at;
  }
}

function nextEnd(text: string, from: number, separator: string): number {
  let at = from;
  while (at < text.length && text[at] !== separator && text[at] !== '\n') at++;
  return at;
}
