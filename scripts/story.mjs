// node scripts/story.mjs: makes public/story.json, the recorded story of a first visit, from the model that comes with
// the page. The text stands in index.html too, and is the same: the model writes it anew here, or this fails.
// @ts-check
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openEngineHere } from './engineHere.mjs';
import { fail, root } from './setup.mjs';

const here = await openEngineHere();
const { recordStory } = await here.load('/tests/support/story.ts');
const story = await recordStory();
const { writeStory } = await here.load('/src/state/story.ts');
const written = story.snapshot.pieces
  .map((/** @type {{ text: string }} */ one) => one.text)
  .join('');
const shown = readFileSync(join(root, 'index.html'), 'utf8')
  .replaceAll(/<[^>]+>/gu, '')
  .replaceAll(/\s+/gu, ' ');
if (!shown.includes(written)) fail(`index.html does not hold what the model wrote: ${written}`);
const file = join(root, 'public', 'story.json');
writeFileSync(file, `${writeStory(story)}\n`);
console.log(`${file}: ${story.snapshot.pieces.length} tokens`);
await here.close();
