/** About how wide a text is in pixels, without drawing it: for places that are laid out before they are drawn. */

/** Of the console's type at 13 pixels: capitals and wide scripts need more than small letters. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    width += code > 0x2e7f ? 13.5 : code >= 0x41 && code <= 0x5f ? 9.1 : 7.3;
  }
  return width;
}
