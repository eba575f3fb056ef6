/** Types of build.mjs. */
export interface GuestProgram {
  /** Name of the binary in bin/. */
  name: string;
  source: string;
  pie: boolean;
  ia32?: boolean;
}
export const BIN: string;
export function guestPrograms(): GuestProgram[];
export function fuzzPrograms(): GuestProgram[];
export function sourceHash(program: GuestProgram): string;
export function binaryHash(name: string): string;
export function compilerVersion(): string | null;
export function compile(program: GuestProgram, output: string): string | null;
export function readManifest(): {
  compiler: string;
  programs: Record<string, { source: string; binary: string }>;
};
