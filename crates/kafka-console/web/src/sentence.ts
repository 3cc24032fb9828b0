/** Texts of the server stand beside each other here: each is made a sentence. */
export function sentence(text: string | null | undefined): string {
  const trimmed = (text ?? "").trim();
  if (trimmed === "") {
    return "";
  }
  const capital = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…:)]$/.test(capital) ? capital : `${capital}.`;
}
