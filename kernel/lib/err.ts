/** Errors are negative numbers, as in Linux: an object-or-error is `T | number`. Linux: include/linux/err.h. */
export function isErr<T extends object>(value: T | number): value is number {
  return typeof value === "number";
}
