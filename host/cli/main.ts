/**
 * The command line: `vitrine console | run | bench`. Each subcommand has its own file; this one names the options.
 * Exit status 125 is Vitrine's own failure, 126 and 127 are said in host/cli/run.ts.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { parseSize } from "../config.ts";
import { bench } from "./bench.ts";
import { consoleCommand } from "./console.ts";
import { CliError, EXIT_FAILURE } from "./errors.ts";
import { fixStrace, run } from "./run.ts";

/** Adapts a parser that throws Error to commander. */
function argument<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message);
    }
  };
}

const collect = (value: string, previous: string[]): string[] => [...previous, value];

function memoryOption(): Option {
  return new Option("-m, --memory <size>", "RAM of the machine").default("256M").argParser((text) => {
    argument(parseSize)(text);
    return text;
  });
}

function clockOption(): Option {
  return new Option(
    "--clock <kind>",
    "what makes time pass: the host's clock, or instructions (repeatable runs)",
  )
    .choices(["real", "virtual"])
    .default("real");
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("not a number of seconds");
  return value;
}

function program(): Command {
  const vitrine = new Command("vitrine")
    .description("A whole x86-64 PC with a Linux-compatible kernel, in Node")
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(text.replace(/^error:/, "vitrine:")) });

  vitrine
    .command("console")
    .description("power a machine on with this terminal on its first serial port; Ctrl-A x leaves")
    .addOption(memoryOption())
    .option("--append <text>", "more words for the kernel's command line")
    .option("--initrd <file>", "initial RAM disk in place of the built-in root")
    .option("--disk <file>", "disk image, the second disk of the machine")
    .option("--kernel <file>", "bzImage to boot in place of Vitrine's own kernel")
    .addOption(clockOption())
    .option("--nojit", "interpret everything: translate no hot code to WebAssembly")
    .addOption(new Option("--jit").hideHelp())
    .option("--debugcon <file>", "write what the guest sends to port 0xe9 there")
    .action(consoleCommand);

  vitrine
    .command("run")
    .description("run a program of the host in the guest: standard streams and exit status pass through")
    .argument("<program>", "an x86-64 Linux program, or a script with a #! line")
    .argument("[args...]", "its arguments")
    .passThroughOptions()
    .option("--root <path>", "root file system: a directory or a tar file")
    .option("--mount <host:guest[:ro]>", "directory of the host to see in the guest", collect, [])
    .option("--env <name=value>", "environment variable", collect, [])
    .option("--cwd <directory>", "working directory in the guest")
    .addOption(memoryOption())
    .option("--timeout <seconds>", "end the program after this long", seconds)
    .option("--nojit", "interpret everything: translate no hot code to WebAssembly")
    .addOption(new Option("--jit").hideHelp())
    .addOption(clockOption())
    .option("--stats <file>", "write what the run cost there, JSON")
    .option("--strace [file]", "print system calls on standard error, or into a file")
    .action(run);

  vitrine
    .command("bench")
    .description("measure: boot, interpreter speed, idle cost, process creation")
    .argument("[names...]", "benchmarks to run; all by default")
    .option("--json", "print JSON")
    .action(bench);

  return vitrine;
}

/** Runs the command line and ends the process with its status. */
export async function main(args: string[]): Promise<void> {
  try {
    await program().parseAsync(fixStrace(args), { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : EXIT_FAILURE;
    } else if (error instanceof CliError) {
      process.stderr.write(`vitrine: ${error.message}\n`);
      process.exitCode = error.status;
    } else {
      process.stderr.write(
        `vitrine: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
      );
      // A machine that was left on would keep the process alive.
      process.exit(EXIT_FAILURE);
    }
  }
}
