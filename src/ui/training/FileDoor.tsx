// A button that asks for a file.
import { useRef, type ReactNode } from 'react';
import controls from '../controls.module.css';

export function FileDoor({
  words,
  label,
  accept,
  take,
}: {
  readonly words: string;
  readonly label: string;
  readonly accept: string;
  readonly take: (file: File) => void;
}): ReactNode {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button className={controls.button} type="button" onClick={() => input.current?.click()}>
        {words}
      </button>
      <input
        ref={input}
        type="file"
        accept={accept}
        hidden
        aria-label={label}
        onChange={(event) => {
          const file = event.target.files?.[0];
          if (file !== undefined) take(file);
          event.target.value = '';
        }}
      />
    </>
  );
}
