// Downloads and what is kept, in words and numbers for people.

/** Keeps a number and its unit on one line. */
const NB = '\u00A0';

const UNITS = [
  { unit: 'GB', bytes: 1e9 },
  { unit: 'MB', bytes: 1e6 },
  { unit: 'kB', bytes: 1e3 },
  { unit: 'bytes', bytes: 1 },
] as const;

/** As people say a size: three digits at most are worth reading. */
export function formatSize(bytes: number): string {
  const { unit, digits, per } = scaleOf(bytes);
  return `${(bytes / per).toFixed(digits)}${NB}${unit}`;
}

/** `219 of 548 MB`, both in the unit of the whole. */
export function formatOf(done: number, total: number): string {
  const { unit, digits, per } = scaleOf(total);
  const number = (bytes: number): string => (bytes / per).toFixed(digits);
  // What is not complete never reads as if it were.
  const shown = number(done) === number(total) ? Math.min(done, total - per / 10 ** digits) : done;
  return `${number(done >= total ? total : Math.max(0, shown))} of${NB}${number(total)}${NB}${unit}`;
}

function scaleOf(bytes: number): { unit: string; digits: number; per: number } {
  const { unit, bytes: per } = UNITS.find((each) => bytes >= each.bytes * 0.9995) ?? UNITS[3];
  const value = bytes / per;
  if (unit === 'bytes' || unit === 'kB') return { unit, digits: 0, per };
  if (unit === 'MB') return { unit, digits: value < 10 ? 1 : 0, per };
  return { unit, digits: value < 10 ? 2 : 1, per };
}

export function formatRate(bytesPerSecond: number): string {
  const mega = bytesPerSecond / 1e6;
  if (mega >= 100) return `${mega.toFixed(0)}${NB}MB/s`;
  return mega >= 1 ? `${mega.toFixed(1)}${NB}MB/s` : `${Math.round(bytesPerSecond / 1e3)}${NB}kB/s`;
}

/** How long the rest takes, no more exactly than anybody can know. */
export function formatLeft(seconds: number): string {
  if (!Number.isFinite(seconds)) return '';
  if (seconds < 5) return 'a few seconds left';
  if (seconds < 55) return `about ${Math.max(5, Math.round(seconds / 5) * 5)} seconds left`;
  const minutes = Math.round(seconds / 60);
  if (minutes <= 1) return 'about a minute left';
  if (minutes < 55) return `about ${minutes} minutes left`;
  const hours = Math.round(minutes / 60);
  return hours <= 1 ? 'about an hour left' : `about ${hours} hours left`;
}

/** When something was, both in milliseconds since 1970. */
export function formatAgo(then: number, now: number): string {
  const minutes = Math.floor(Math.max(0, now - then) / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return minutes === 1 ? 'a minute ago' : `${minutes} minutes ago`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return hours === 1 ? 'an hour ago' : `${hours} hours ago`;
  const days = Math.floor(hours / 24);
  if (days < 14) return days === 1 ? 'a day ago' : `${days} days ago`;
  return `on ${formatDay(then)}`;
}

/** A day, from milliseconds since 1970. */
export function formatDay(then: number): string {
  return new Intl.DateTimeFormat('en', { dateStyle: 'medium' }).format(then);
}

/** Seven digits of a commit, as git shows them. */
export const shortCommit = (commit: string): string => commit.slice(0, 7);

/** The hint of an error: what to do, and lines of code that do it. */
export function splitHint(hint: string): { words: string; code: string } {
  const [words = '', ...lines] = hint.split('\n');
  return { words, code: lines.join('\n') };
}
