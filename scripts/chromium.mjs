// Finds a Chromium with WebGPU on this machine, with Node built-ins only.
// Shared by tests/chromium.ts (which launches it) and scripts/test.mjs (which installs one if there is none).
// @ts-check
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';

const INSTALLED = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

/**
 * The browser to test with, in this order: CHROMIUM_PATH, Playwright's own download, an installed Chromium or Chrome.
 * Playwright's headless shell is never taken: it is built without WebGPU.
 * @returns {{ path: string, own: boolean } | undefined} `own` is true for Playwright's download.
 */
export function findChromium() {
  const wanted = process.env.CHROMIUM_PATH;
  if (wanted) {
    if (existsSync(wanted)) return { path: wanted, own: false };
    throw new Error(`CHROMIUM_PATH is ${wanted}, but there is no such file.`);
  }
  const downloaded = playwrightChromium();
  if (downloaded) return { path: downloaded, own: true };
  const path = INSTALLED.find((candidate) => existsSync(candidate));
  return path ? { path, own: false } : undefined;
}

/** Where Playwright keeps its own Chromium, if it has been downloaded. */
function playwrightChromium() {
  try {
    const { chromium } = createRequire(import.meta.url)('playwright-core');
    const path = chromium.executablePath();
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined; // Nothing is installed yet.
  }
}
