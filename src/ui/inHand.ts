// What to do, as it is said here: where a finger does it nobody clicks or points, and there are no arrow keys.

export function inHand(
  byMouse: string,
  byFinger = byMouse.replaceAll('click', 'tap').replaceAll('Click', 'Tap'),
): string {
  return matchMedia('(pointer: coarse)').matches ? byFinger : byMouse;
}
