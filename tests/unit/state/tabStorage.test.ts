import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTabStorage, type TabStorage } from '../../../src/state/tabStorage.ts';

/** A browser's store with room for so many characters. */
class Store {
  readonly values = new Map<string, string>();
  room = 100;
  get length(): number {
    return this.values.size;
  }
  getItem(name: string): string | null {
    return this.values.get(name) ?? null;
  }
  setItem(name: string, value: string): void {
    const others = [...this.values].reduce((sum, [n, v]) => sum + (n === name ? 0 : v.length), 0);
    if (others + value.length > this.room) throw new DOMException('Full.', 'QuotaExceededError');
    this.values.set(name, value);
  }
  removeItem(name: string): void {
    this.values.delete(name);
  }
}

/** Opens the page in a tab with this session: a new one, the same one after a reload, or a copy. */
function openIn(session: Store): TabStorage {
  vi.stubGlobal('sessionStorage', session);
  return createTabStorage('text', ['text', 'branches']);
}

describe('what a tab keeps', () => {
  let last: Store;
  beforeEach(() => {
    last = new Store();
    vi.stubGlobal('localStorage', last);
  });
  afterEach(() => vi.unstubAllGlobals());

  it('is its own after a reload, and a new tab starts from the last one', () => {
    const [a, b] = [new Store(), new Store()];
    expect(openIn(a).write('text', 'wolf')).toBe('kept');
    const second = openIn(b);
    expect(second.read('text')).toBe('wolf');
    second.write('text', 'fox');
    expect(openIn(a).read('text')).toBe('wolf');
    expect(openIn(b).read('text')).toBe('fox');
    expect(openIn(new Store()).read('text')).toBe('fox');
  });

  it('is taken along by a copied tab, which then goes its own way', () => {
    const a = new Store();
    openIn(a).write('text', 'wolf');
    const copy = new Store();
    for (const [name, value] of a.values) copy.setItem(name, value);
    openIn(copy).write('text', 'bear');
    expect(openIn(a).read('text')).toBe('wolf');
  });

  it('is never half of one tab and half of another', () => {
    const a = new Store();
    openIn(a).write('text', 'wolf');
    const b = openIn(new Store());
    b.write('text', 'fox');
    b.write('branches', 'of the fox');
    expect(openIn(a).read('branches')).toBeNull();
    // What a tab has of its own but its text stays behind when it takes another's.
    a.removeItem('text');
    a.setItem('branches', 'of nobody');
    expect(openIn(a).read('branches')).toBe('of the fox');
  });

  it('stays as it was where a value finds no room, which is said', () => {
    const a = new Store();
    const tab = openIn(a);
    tab.write('text', 'wolf');
    expect(tab.write('text', 'x'.repeat(101))).toBe('full');
    expect(openIn(a).read('text')).toBe('wolf');
    a.room = 10;
    expect(tab.write('text', 'x'.repeat(50))).toBe('kept');
    expect(openIn(a).read('text'), 'not the older one of the fuller store').toBe('x'.repeat(50));
  });

  it('is nothing where the browser refuses, without any error', () => {
    for (const name of ['sessionStorage', 'localStorage']) vi.stubGlobal(name, undefined);
    const tab = createTabStorage('text', ['text']);
    expect(tab.write('text', 'wolf')).toBe('refused');
    expect(tab.read('text')).toBeNull();
    tab.remove('text');
    // A window that has a store without room.
    const none = Object.assign(new Store(), { room: 0 });
    vi.stubGlobal('localStorage', none);
    expect(openIn(none).write('text', 'wolf')).toBe('refused');
  });
});
