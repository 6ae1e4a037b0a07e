// Finds a Chromium with WebGPU on this machine, with Node built-ins only.
// Shared by tests/chromium.ts (which launches it) and scripts/test.mjs (which installs one if there is none).
// @ts-check
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';

const INSTALLED = [
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/chromium-browser',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

/**
 * Paths of the browsers that are there, best first: CHROMIUM_PATH alone if it is set, else what is installed, else
 * Playwright's own download. Playwright's headless shell is never among them: it is built without WebGPU.
 * @returns {string[]}
 */
export function chromiums() {
  const wanted = process.env.CHROMIUM_PATH;
  if (wanted) {
    if (existsSync(wanted)) return [wanted];
    throw new Error(`CHROMIUM_PATH is ${wanted}, but there is no such file.`);
  }
  return [...INSTALLED, playwrightChromium()].filter((path) => existsSync(path));
}

/** Where Playwright keeps its own Chromium once it is downloaded; empty before dependencies are installed. */
function playwrightChromium() {
  try {
    return String(createRequire(import.meta.url)('playwright-core').chromium.executablePath());
  } catch {
    return '';
  }
}
