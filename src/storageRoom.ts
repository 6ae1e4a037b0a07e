// What a browser says that it keeps for this page.

/** Bytes that are used, and that there may be; null where it does not say. */
export async function storageEstimate(): Promise<{ usage: number | null; quota: number | null }> {
  if (typeof navigator !== 'object' || typeof navigator.storage?.estimate !== 'function') {
    return { usage: null, quota: null };
  }
  const { usage, quota }: StorageEstimate = await navigator.storage.estimate().catch(() => ({}));
  return { usage: usage ?? null, quota: quota ?? null };
}

/** Bytes that it still keeps; null where it does not say. */
export async function freeBytes(): Promise<number | null> {
  const { usage, quota } = await storageEstimate();
  return quota === null ? null : Math.max(0, quota - (usage ?? 0));
}
