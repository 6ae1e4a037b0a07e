// What time it is, for whoever says how long ago something was.
import { useEffect, useState } from 'react';

/** Milliseconds since 1970, once a minute. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 60_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
