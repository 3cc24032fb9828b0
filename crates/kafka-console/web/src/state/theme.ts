/** Light, dark, or as the system says; the choice is kept in this browser. */

import { useEffect, useState } from "preact/hooks";

export type Theme = "system" | "light" | "dark";

const STORED = "kafka-console-theme";
const NEXT: Readonly<Record<Theme, Theme>> = { system: "light", light: "dark", dark: "system" };

export function storedTheme(): Theme {
  try {
    const value = localStorage.getItem(STORED);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system"; // storage is off
  }
}

export function applyTheme(theme: Theme): void {
  if (theme === "system") {
    delete document.documentElement.dataset["theme"];
  } else {
    document.documentElement.dataset["theme"] = theme;
  }
  try {
    if (theme === "system") {
      localStorage.removeItem(STORED);
    } else {
      localStorage.setItem(STORED, theme);
    }
  } catch {
    return; // storage is off: the choice lasts as long as the page
  }
}

export function nextTheme(theme: Theme): Theme {
  return NEXT[theme];
}

/** Whether what is drawn now is dark; charts on a canvas need to know, also when the system changes. */
export function useDark(theme: Theme): boolean {
  const [system] = useState(() => globalThis.matchMedia("(prefers-color-scheme: dark)"));
  const [dark, setDark] = useState(system.matches);
  useEffect(() => {
    const changed = (): void => {
      setDark(system.matches);
    };
    changed();
    system.addEventListener("change", changed);
    return () => {
      system.removeEventListener("change", changed);
    };
  }, [system]);
  return theme === "dark" || (theme === "system" && dark);
}
