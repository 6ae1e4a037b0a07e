// One visit before all page tests: the self-check of the story model takes seconds of the processor, and each test but those
// that are about it finds the one that passed here.
import { chromium, type FullConfig } from '@playwright/test';

/** The variable that has what the visit left in the browser's storage. */
export const CHECKS = 'GLASS_E2E_CHECKS';

export default async function visit({ projects }: FullConfig): Promise<void> {
  const use = projects[0]?.use;
  const browser = await chromium.launch(use?.launchOptions);
  const page = await browser.newPage({ baseURL: use?.baseURL });
  await page.goto('./?device=cpu');
  await page
    .locator('[popovertarget="model-details"][data-check="checked"]')
    .waitFor({ timeout: 240_000 });
  process.env[CHECKS] = await page.evaluate(() => localStorage.getItem('glass-gpt.checks') ?? '[]');
  await browser.close();
}
