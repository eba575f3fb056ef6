/**
 * What the assembler throws when the source is wrong: the message starts with file:line, as every compiler's does, and
 * names the macro expansions that led there.
 */

/** A place in the source; `via` is the line that invoked the macro this line came from. */
export interface SourceSite {
  readonly file: string;
  readonly line: number;
  readonly via: SourceSite | null;
}

export class AssemblyError extends Error {
  constructor(
    readonly site: SourceSite,
    readonly reason: string,
  ) {
    let text = `${site.file}:${site.line}: ${reason}`;
    for (let via = site.via; via !== null; via = via.via) text += `\n    from ${via.file}:${via.line}`;
    super(text);
    this.name = "AssemblyError";
  }
}
