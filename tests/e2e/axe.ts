// What axe objects to in a page.
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';

/**
 * Rules that are broken in the whole page, or in some of its parts, with the elements that break them. In the page itself:
 * the builder's own way opens another window for its sums, which is for frames of other sites, and there are none.
 */
export async function objections(page: Page, ...parts: readonly string[]): Promise<string[]> {
  // It would also give a selector to each of the thousands of elements that it has nothing against.
  const axe = new AxeBuilder({ page }).setLegacyMode().options({ resultTypes: ['violations'] });
  for (const part of parts) axe.include(part);
  const { violations } = await axe.analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html).join(' | ')}`);
}
