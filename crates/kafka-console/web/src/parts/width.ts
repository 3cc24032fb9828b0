/** The width of an element, as it is now: what is drawn by pixel has to know it. */

import { useCallback, useRef, useState } from "preact/hooks";

/** A `ref` for the element, and its width; 0 until it is there. */
export function useWidth(): [(element: HTMLElement | null) => void, number] {
  const [width, setWidth] = useState(0);
  const observer = useRef<ResizeObserver | null>(null);
  const hold = useCallback((element: HTMLElement | null): void => {
    observer.current?.disconnect();
    if (element !== null) {
      setWidth(element.clientWidth);
      observer.current = new ResizeObserver(() => {
        setWidth(element.clientWidth);
      });
      observer.current.observe(element);
    }
  }, []);
  return [hold, width];
}
