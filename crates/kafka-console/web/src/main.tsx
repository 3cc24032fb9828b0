/** Draws the console. */

import "uplot/dist/uPlot.min.css";
import "./styles/tokens.css";
import "./styles/frame.css";
import "./styles/parts.css";
import "./styles/panels.css";
import "./styles/map.css";

import { render } from "preact";

import { App } from "./app";
import { applyTheme, storedTheme } from "./state/theme";

applyTheme(storedTheme());
const place = document.getElementById("app");
if (place !== null) {
  render(<App />, place);
}
