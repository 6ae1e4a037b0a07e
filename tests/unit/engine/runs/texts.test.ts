// Where the text of a run comes from: tasks that are made, and columns of tables.
import { expect, test } from 'vitest';
import { csvColumn } from '../../../../src/engine/runs/csv.ts';
import { prepareText } from '../../../../src/engine/runs/prepare.ts';
import { probeOf } from '../../../../src/engine/runs/tasks.ts';
import { strangeWords, wordsOf } from '../../../../src/engine/runs/strangeWords.ts';
import { readRunText } from '../../../../src/engine/runs/texts.ts';

const BASE = 'http://localhost/';

test('tasks are right in every line, and the same for everybody', async () => {
  const hashes: string[] = [];
  const lines = async (name: 'repeat' | 'reverse' | 'add'): Promise<string[]> => {
    const bytes = await readRunText({ kind: 'task', name }, BASE);
    const { facts } = await prepareText(bytes, { kind: 'characters' });
    hashes.push(facts.sha256.slice(0, 8));
    expect(facts).toMatchObject({ tokens: bytes.length, documents: 1, characters: bytes.length });
    return new TextDecoder().decode(bytes).trimEnd().split('\n');
  };
  for (const line of await lines('repeat')) expect(line).toMatch(/^([a-z]{4,10})\|\1$/u);
  for (const line of await lines('reverse')) {
    const [given, answer] = line.split('|');
    expect(answer).toBe([...given].toReversed().join(''));
  }
  for (const line of await lines('add')) {
    const [, a, b, sum] = /^(\d+)\+(\d+)=(\d+)$/u.exec(line) ?? [];
    expect(Number(a) + Number(b)).toBe(Number(sum));
  }
  expect(hashes).toEqual(['af03eec2', '415eac2f', '3cc6254d']);
});

test('a line of the task shows whether a head copies: ten letters, each once, and again', () => {
  const [, letters = ''] = /^\n([a-z]{10})\|\1$/u.exec(probeOf('repeat') ?? '') ?? [];
  expect(new Set(letters).size).toBe(10);
  expect([probeOf('reverse'), probeOf('add')]).toEqual([null, null]);
});

test('a column of a table may hold commas, line breaks and quotation marks', () => {
  const table = '\uFEFFid,"the text",more\r\n1,"a, ""b""\nc",x\r\n2,,y\r\n3,d\n4,"5" disc"';
  expect(csvColumn(table, 'the text')).toEqual(['a, "b"\nc', 'd', '5 disc"']);
  expect(csvColumn(table)).toEqual(['1', '2', '3', '4']);
  expect(csvColumn('a;b\n1;2,5\n', 'b')).toEqual(['2,5']);
  expect(() => csvColumn(table, 'words')).toThrow(
    'The table has no column "words"; it has "id", "the text", "more".',
  );
  expect(() => csvColumn('')).toThrow('The table is empty.');
});

test('a field that is not closed swallows nothing in silence: its line is named', () => {
  const refused = (line: number) => `The table has a quotation mark in line ${line} that opens`;
  expect(() => csvColumn('text\na\n"never closed, b\nc\n')).toThrow(refused(3));
  // The mark that opens the next field seems to close it.
  expect(() => csvColumn('text,n\n"a\nb",1\r\n"c,2\n"d",3\n')).toThrow(refused(4));
  expect(() => csvColumn('text,n\n"a\nb",1\n"c",2\n')).not.toThrow();
});

test('rows of a table are documents', async () => {
  const file = new File(['story\nOnce.\nTwice.\n'], 'tales.csv');
  const bytes = await readRunText(
    { kind: 'own', name: 'tales', text: file, column: 'story' },
    BASE,
  );
  expect(new TextDecoder().decode(bytes)).toBe('Once.\n<|endoftext|>\nTwice.');
  const { facts } = await prepareText(bytes, { kind: 'bpe', vocab_size: 300 });
  expect(facts.documents).toBe(2);
});

test('what is no text is refused in words', async () => {
  const table = new File([new Uint8Array([0x61, 0xff, 0x0a])], 'x.csv');
  await expect(readRunText({ kind: 'own', name: 'x', text: table }, BASE)).rejects.toMatchObject({
    code: 'text/encoding',
  });
  await expect(prepareText(new Uint8Array(), { kind: 'bytes' })).rejects.toMatchObject({
    code: 'training/text',
  });
});

test('words that a text does not have are found, but for the one that the end cuts off', () => {
  const known = wordsOf(new TextEncoder().encode('The fox’s den was old.'));
  const prompt = 'The fo';
  const text = 'x’s den wus old. Wol';
  expect(strangeWords(prompt, text, known).map(([a, b]) => text.slice(a, b))).toEqual(['wus']);
  expect(strangeWords('The fo', 'b was', known)).toEqual([[0, 1]]);
});
