// The first line of a .csv, so that somebody can say which column is meant.

/** Names of the columns: quoted ones may hold commas, quotation marks twice, and line breaks. */
export function csvColumns(text: string): readonly string[] {
  const names: string[] = [];
  let [name, isQuoted, wasQuoted] = ['', false, false];
  const start = text.startsWith('\uFEFF') ? 1 : 0;
  for (let at = start; at <= text.length; at++) {
    const sign = text[at];
    if (isQuoted && sign !== undefined) {
      if (sign !== '"') name += sign;
      else if (text[at + 1] === '"') {
        name += '"';
        at++;
      } else isQuoted = false;
    } else if (sign === '"' && name === '' && !wasQuoted) {
      [isQuoted, wasQuoted] = [true, true];
    } else if (sign === ',' || sign === '\n' || sign === undefined) {
      names.push(wasQuoted ? name : name.replace(/\r$/u, '').trim());
      [name, wasQuoted] = ['', false];
      if (sign !== ',') break;
    } else if (!(wasQuoted && sign === '\r')) name += sign;
  }
  return names.length === 1 && names[0] === '' ? [] : names;
}
