/**
 * Lint rules, and the layers of the tree: web -> host -> kernel -> cpu-core/abi. cpu-core itself is AssemblyScript, which
 * only its own compiler understands.
 */
import eslint from "@eslint/js";
import tseslint from "typescript-eslint";

const forbid = (...patterns) => ({
  "no-restricted-imports": ["error", { patterns: patterns.map(([group, message]) => ({ group, message })) }],
});

export default tseslint.config(
  {
    ignores: [
      "dist/**",
      "node_modules/**",
      "cpu-core/**",
      "!cpu-core/abi/**",
      "!cpu-core/**/*.test.ts",
      "coverage/**",
    ],
  },
  eslint.configs.recommended,
  ...tseslint.configs.strict,
  {
    rules: {
      "@typescript-eslint/no-this-alias": "off", // walks up a tree start at this
      "no-fallthrough": "off", // tsc checks it
      "no-constant-condition": ["error", { checkLoops: false }],
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/no-invalid-void-type": "off",
      "@typescript-eslint/no-extraneous-class": "off",
      "@typescript-eslint/unified-signatures": "off",
    },
  },
  {
    files: ["**/*.mjs", "**/*.js"],
    languageOptions: {
      globals: {
        URL: "readonly",
        process: "readonly",
        console: "readonly",
        setTimeout: "readonly",
        Buffer: "readonly",
      },
    },
  },
  {
    files: ["kernel/**/*.ts"],
    ignores: ["**/*.test.ts"],
    rules: forbid(
      [["**/host/**", "**/web/**"], "the kernel reaches hardware through arch/x86/machine.ts only"],
      [["node:*"], "the kernel runs in a browser too"],
    ),
  },
  {
    files: ["host/**/*.ts"],
    rules: forbid([["**/web/**"], "the host does not know the page"]),
  },
  {
    files: ["web/**/*.ts"],
    ignores: ["**/*.test.ts"],
    rules: forbid(
      [["**/kernel/**", "**/cpu-core/**"], "the page knows MachineApi only"],
      [["node:*"], "no Node here"],
    ),
  },
);
