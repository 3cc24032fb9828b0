import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

/** Names of topics and clients are chosen by strangers: they reach the page as text, by no other way. */
const MARKUP = "Label values are text: nothing here may make markup of a string.";

export default defineConfig(
  { ignores: ["dist", "node_modules"] },
  js.configs.recommended,
  {
    files: ["**/*.ts", "**/*.tsx"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    plugins: { "react-hooks": hooks },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "react-hooks/rules-of-hooks": "error",
      "react-hooks/exhaustive-deps": "error",
      "@typescript-eslint/explicit-function-return-type": ["error", { allowExpressions: true }],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "max-lines": ["error", { max: 500, skipBlankLines: true }],
      "no-eval": "error",
      "no-implied-eval": "off", // the typed rule does it
      "no-restricted-syntax": [
        "error",
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: MARKUP },
        { selector: "Property[key.name='dangerouslySetInnerHTML']", message: MARKUP },
        { selector: "MemberExpression[property.name=/^(innerHTML|outerHTML|srcdoc)$/]", message: MARKUP },
        {
          selector:
            "CallExpression[callee.property.name=/^(insertAdjacentHTML|write|writeln|parseFromString|createContextualFragment|setHTMLUnsafe)$/]",
          message: MARKUP,
        },
        { selector: "JSXAttribute[name.name=/^(srcDoc|srcdoc)$/]", message: MARKUP },
      ],
    },
  },
  {
    files: ["dev/**", "tests/**", "*.ts"],
    // `response.write` of a server is no document.
    rules: { "no-restricted-syntax": "off" },
  },
  {
    files: ["scripts/*.mjs", "eslint.config.js"],
    languageOptions: { globals: { process: "readonly", URL: "readonly" } },
  },
);
