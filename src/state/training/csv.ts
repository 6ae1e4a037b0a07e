// The columns of a .csv, so that somebody can say which one is meant.
import { csvNames, csvRows } from '../../csv.ts';

/** Names in its first line; none where that is empty. */
export function csvColumns(text: string): readonly string[] {
  const names = csvNames(csvRows(text));
  return names.length === 1 && names[0] === '' ? [] : names;
}

/** A word in a cell that is no number, no date, no address and no key. */
const PLAIN = /^[^\d/@]*\p{L}[^\d/@]*$/u;

/** The column with the most letters in words, which is the text where no name says so; undefined without columns. */
export function longestColumn(text: string): string | undefined {
  const names = csvColumns(text);
  const lengths = names.map(() => 0);
  const [, ...rows] = csvRows(text);
  for (const row of rows) {
    names.forEach((_, i) => {
      for (const word of (row[i] ?? '').split(/\s+/u)) {
        if (PLAIN.test(word)) lengths[i] += word.length;
      }
    });
  }
  return names[lengths.indexOf(Math.max(...lengths))];
}
