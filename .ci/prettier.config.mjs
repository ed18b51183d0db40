import {fileURLToPath} from "node:url";

export default {
  // A path, because the files lie outside the folder that has the plugin.
  plugins: [fileURLToPath(import.meta.resolve("@prettier/plugin-xml"))],
  bracketSpacing: false,
  printWidth: 88,
  trailingComma: "es5",
  xmlWhitespaceSensitivity: "preserve",
};
