import globals from "globals";
import js from "@eslint/js";

export default [
  js.configs.recommended,
  {
    languageOptions: {
      ecmaVersion: 2024,
      globals: {...globals.browser, luxon: "readonly", odoo: "readonly"},
      sourceType: "module",
    },
    rules: {
      complexity: ["error", 15],
      eqeqeq: "error",
      "no-else-return": "error",
      "no-shadow": "error",
      "no-use-before-define": "error",
      "prefer-const": "error",
    },
  },
];
