/** Copying works without a secure context too: a console is often reached by plain HTTP inside a network. */

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelected(text);
  }
}

function copySelected(text: string): boolean {
  const field = document.createElement("textarea");
  field.value = text;
  field.readOnly = true;
  field.className = "visually-hidden";
  document.body.append(field);
  const before = document.activeElement;
  field.select();
  let done: boolean;
  try {
    // The one way where navigator.clipboard does not exist.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    done = document.execCommand("copy");
  } catch {
    done = false;
  }
  field.remove();
  if (before instanceof HTMLElement) {
    before.focus();
  }
  return done;
}
