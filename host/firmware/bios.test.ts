/**
 * BIOS calls, made by small real-mode programs that the boot sector loads in place of the kernel's loader. What a program
 * finds it tells on the debug console (port 0xe9). Needs the build's dist/.
 */
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { Assets } from "../assets.ts";
import { assemble } from "../assembler/assemble.ts";
import { assembleFile } from "../assembler/assemble_file.ts";
import * as images from "../build/images.ts";
import { buildFirmware } from "../build/firmware.ts";
import { Machine } from "../machine.ts";
import { loadNodeAssets, projectRoot } from "../node.ts";

const LOADER_SECTORS = 16;
const LOADER_ADDRESS = 0x8000 + (images.LOADER_SECTOR - images.BOOT_MAP_SECTOR) * 512;
const END = 0x04;

/** Helpers of all programs: `say` prints text, `show` a register as hexadecimal digits and a blank, `line` ends a line. */
const LIBRARY = `
        bits 16
        org ${LOADER_ADDRESS}
%macro say 1
        push si
        mov si, %%text
        call print
        pop si
        jmp %%on
%%text: db %1, 0
%%on:
%endmacro
%macro show 1
        pushfd
        push eax
        mov eax, %1
        call print_hex
        pop eax
        popfd
%endmacro
%macro flags 0
        pushf
        push eax
        mov al, 'c'
        jc %%carry
        mov al, '-'
%%carry:
        out 0xe9, al
        pop eax
        popf
%endmacro
%macro line 0
        push ax
        mov al, 10
        out 0xe9, al
        pop ax
%endmacro
        xor ax, ax
        mov ds, ax
        mov es, ax
        jmp main
print:  push ax
.next:  lodsb
        test al, al
        jz .done
        out 0xe9, al
        jmp .next
.done:  pop ax
        ret
print_hex:
        push cx
        mov cx, 8
.digit: rol eax, 4
        push ax
        and al, 15
        add al, '0'
        cmp al, '9'
        jbe .out
        add al, 'a' - '9' - 1
.out:   out 0xe9, al
        pop ax
        loop .digit
        mov al, ' '
        out 0xe9, al
        pop cx
        ret
end:    mov al, ${END}
        out 0xe9, al
.halt:  hlt
        jmp .halt
buffer  equ 0x6000
main:
`;

let assets: Assets;
let mbr: Uint8Array;

beforeAll(async () => {
  const root = projectRoot();
  assets = await loadNodeAssets();
  assets = { ...assets, images: { ...assets.images, firmware: buildFirmware(root) } };
  const { BOOT_MAP_SECTOR, COMMAND_LINE_SECTOR, LOADER_SECTOR } = images;
  const defines = { BOOT_MAP_SECTOR, COMMAND_LINE_SECTOR, LOADER_SECTOR, LOADER_SECTORS };
  mbr = assembleFile(join(root, "host/firmware/boot/mbr.asm"), { defines }).bytes;
});

interface Run {
  machine: Machine;
  /** Lines on the debug console. */
  lines: string[];
}

/** Runs `program` until it jumps to `end`, or until `until` is on the debug console. */
async function run(program: string, until = String.fromCharCode(END)): Promise<Run> {
  const loader = new Uint8Array(LOADER_SECTORS * 512);
  loader.set(assemble(LIBRARY + program, { file: "program" }).bytes);
  let output = "";
  const machine = new Machine(
    { ...assets, images: { ...assets.images, mbr, loader } },
    { debug: (byte) => (output += String.fromCharCode(byte)) },
  );
  await machine.powerOn({ memory_bytes: 64 * 2 ** 20, clock: "real", jit: false });
  const deadline = Date.now() + 20_000;
  while (!output.includes(until)) {
    if (Date.now() > deadline) throw new Error(`the program did not end; so far: ${output.slice(0, 500)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return {
    machine,
    lines: output
      .replace(String.fromCharCode(END), "")
      .trimEnd()
      .split("\n")
      .map((text) => text.trim()),
  };
}

async function output(program: string): Promise<string[]> {
  const { machine, lines } = await run(program);
  await machine.powerOff();
  return lines;
}

async function textScreen(
  machine: Machine,
): Promise<{ rows: string[]; attributes: number[][]; row: number; column: number }> {
  const screen = await machine.screen(true);
  if (screen?.mode !== "text") throw new Error("no text on the screen");
  const rows: string[] = [];
  const attributes: number[][] = [];
  for (let row = 0; row < screen.rows; row++) {
    const cells = screen.cells.subarray(row * screen.columns * 2, (row + 1) * screen.columns * 2);
    rows.push(String.fromCharCode(...cells.filter((_cell, i) => i % 2 === 0)).trimEnd());
    attributes.push([...cells.filter((_cell, i) => i % 2 === 1)]);
  }
  return { rows, attributes, row: screen.cursor.row, column: screen.cursor.column };
}

test("equipment and memory sizes", async () => {
  const lines = await output(`
        int 0x11
        movzx eax, ax
        show eax
        int 0x12
        movzx eax, ax
        show eax
        line
        mov ah, 0x88
        int 0x15
        movzx eax, ax
        show eax
        mov ax, 0xe801
        int 0x15
        movzx eax, ax
        movzx ebx, bx
        show eax
        show ebx
        line
        mov ah, 0xee            ; no such function
        int 0x15
        flags
        movzx eax, ax
        show eax
        jmp end`);
  expect(lines).toEqual(["00000426 0000027f", "0000fc00 00003c00 00000300", "c00008600"]);
});

test("memory map", async () => {
  const lines = await output(`
        xor ebx, ebx
.next:  mov eax, 0xe820
        mov edx, 0x534d4150
        mov ecx, 20
        mov di, buffer
        int 0x15
        jc end
        show [buffer]
        show [buffer + 4]
        show [buffer + 8]
        show [buffer + 12]
        show [buffer + 16]
        line
        test ebx, ebx
        jnz .next
        jmp end`);
  expect(lines).toEqual([
    "00000000 00000000 0009fc00 00000000 00000001",
    "0009fc00 00000000 00000400 00000000 00000002",
    "000e0000 00000000 00020000 00000000 00000002",
    "00100000 00000000 03f00000 00000000 00000001",
    "fffe0000 00000000 00020000 00000000 00000002",
  ]);
});

test("disk: parameters, CHS and EDD transfers, errors", async () => {
  const lines = await output(`
        mov ah, 0x41
        mov bx, 0x55aa
        mov dl, 0x80
        int 0x13
        movzx ebx, bx
        show ebx
        line
        mov word [buffer], 26
        mov si, buffer
        mov ah, 0x48
        int 0x13
        flags
        mov eax, [buffer + 16]
        mov [total], eax
        mov ax, [buffer + 24]
        movzx eax, ax
        show eax
        line
        mov ax, 0x0201          ; sector 1 by CHS is the boot sector
        mov bx, buffer
        mov cx, 1
        mov dx, 0x80
        int 0x13
        flags
        movzx eax, ax
        show eax
        movzx eax, word [buffer + 510]
        show eax
        line
        mov eax, [total]        ; write the last sector, read it back
        dec eax
        mov [packet + 8], eax
        mov dword [0x7000], 0x12345678
        mov dword [0x71fc], 0x9abcdef0
        mov word [packet + 4], 0x7000
        mov si, packet
        mov ah, 0x43
        int 0x13
        flags
        mov word [packet + 4], buffer
        mov si, packet
        mov ah, 0x42
        int 0x13
        flags
        show [buffer]
        show [buffer + 508]
        line
        inc dword [packet + 8]  ; beyond the end
        mov ah, 0x42
        mov si, packet
        int 0x13
        flags
        movzx eax, ah
        show eax
        mov ah, 0x01            ; the last status
        mov dl, 0x80
        int 0x13
        movzx eax, al
        show eax
        mov ah, 0x08            ; no second disk
        mov dl, 0x81
        int 0x13
        flags
        line
        jmp end
        align 4
packet: db 16, 0, 1, 0
        dw 0, 0
        dq 0
total:  dd 0`);
  expect(lines).toEqual([
    "0000aa55",
    "-00000200",
    "-00000001 0000aa55",
    "--12345678 9abcdef0",
    "c00000004 00000004 c",
  ]);
});

test("moving memory above 1 MiB, and the A20 gate", async () => {
  const lines = await output(`
        mov dword [0x5000], 0xcafe1234
        mov dword [0x5ffc], 0x55aa55aa
        mov cx, 0x800           ; words
        mov si, up
        mov ah, 0x87
        int 0x15
        flags
        mov dword [0x5ffc], 0
        mov cx, 0x800
        mov si, down
        mov ah, 0x87
        int 0x15
        flags
        show [0x5000]
        show [0x5ffc]
        line
        mov ax, 0x2402
        int 0x15
        movzx eax, ax
        show eax
        mov ax, 0x2400
        int 0x15
        mov ax, 0x2402
        int 0x15
        movzx eax, ax
        show eax
        mov ax, 0xffff          ; FFFF:0510 is 0:0500 now
        mov fs, ax
        mov dword [0x500], 0x11223344
        mov eax, [fs:0x510]
        show eax
        mov ax, 0x2401
        int 0x15
        mov dword [fs:0x510], 0
        mov eax, [0x500]
        show eax
        jmp end
        align 8
up:     dq 0, 0
        dw 0xffff, 0x5000, 0x9300, 0
        dw 0xffff, 0x0000, 0x9330, 0x0100       ; 01300000
        dq 0, 0
down:   dq 0, 0
        dw 0xffff, 0x0000, 0x9330, 0x0100
        dw 0xffff, 0x5000, 0x9300, 0
        dq 0, 0`);
  expect(lines).toEqual(["--cafe1234 55aa55aa", "00000001 00000000 11223344 11223344"]);
});

test("text on the screen: teletype, attributes, scrolling, cursor", async () => {
  const { machine, lines } = await run(`
        mov ax, 0x0003
        int 0x10
        mov cx, 24              ; 24 lines of one letter each
        mov al, 'A'
.line:  mov ah, 0x0e
        xor bx, bx
        int 0x10
        push ax
        mov ax, 0x0e0d
        int 0x10
        mov ax, 0x0e0a
        int 0x10
        pop ax
        inc al
        loop .line
        mov ax, 0x0e0a          ; one more scrolls A away
        int 0x10
        mov ax, 0x0601          ; window of rows 2-4, columns 0-9, up by one, in green
        mov bh, 0x20
        mov cx, 0x0200
        mov dx, 0x0409
        int 0x10
        mov ax, 0x0701          ; rows 10-12 down by one
        mov bh, 0x07
        mov cx, 0x0a00
        mov dx, 0x0c4f
        int 0x10
        mov ah, 0x02            ; row 20, column 70
        mov bh, 0
        mov dx, 0x1446
        int 0x10
        mov ax, 0x0923          ; 3 x # in red, the cursor stays
        mov bx, 0x0004
        mov cx, 3
        int 0x10
        mov ah, 0x08
        mov bh, 0
        int 0x10
        movzx eax, ax
        show eax
        mov ax, 0x1301          ; a string that wraps, the cursor moves
        mov bx, 0x001e
        mov cx, 4
        mov dx, 0x174e
        mov bp, .text
        int 0x10
        mov ah, 0x03
        mov bh, 0
        int 0x10
        movzx edx, dx
        show edx
        mov ah, 0x0f
        int 0x10
        movzx eax, ax
        show eax
        jmp end
.text:  db "wrap"`);
  const { rows, attributes, row, column } = await textScreen(machine);
  await machine.powerOff();
  expect(lines).toEqual(["00000423 00001802 00005003"]);
  expect(rows.slice(0, 6)).toEqual(["B", "C", "E", "F", "", "G"]);
  expect(attributes[4].slice(0, 11)).toEqual([...Array<number>(10).fill(0x20), 0x07]);
  expect(rows.slice(9, 14)).toEqual(["K", "", "L", "M", "O"]);
  expect(rows[20].trim()).toBe(`V${" ".repeat(69)}###`);
  expect(attributes[20].slice(70, 74)).toEqual([4, 4, 4, 7]);
  expect(rows[23].endsWith("wr")).toBe(true);
  expect(rows[24]).toBe("ap");
  expect([row, column]).toEqual([24, 2]);
});

test("keyboard: characters, shift, control, prefixed keys", async () => {
  const { machine } = await run(
    `
        say "ready"
        line
        mov cx, 8
.next:  mov ah, 0
        int 0x16
        movzx eax, ax
        show eax
        loop .next
        mov ah, 0x10
        int 0x16
        movzx eax, ax
        show eax
        mov ah, 0x01            ; empty
        int 0x16
        jnz .wrong
        line
        jmp end
.wrong: say "not empty"
        jmp end`,
    "ready",
  );
  let text = "";
  machine.hooks.debug = (byte) => (text += String.fromCharCode(byte));
  const keys = [
    [0x1e, 0x9e], // a
    [0x2a, 0x1e, 0x9e, 0xaa], // Shift A
    [0x1d, 0x2e, 0xae, 0x9d], // Ctrl C
    [0x3b, 0xbb], // F1
    [0xe0, 0x48, 0xe0, 0xc8], // up
    [0x3a, 0xba, 0x1f, 0x9f, 0x3a, 0xba], // Caps Lock, s
    [0x38, 0x13, 0x93, 0xb8], // Alt R
    [0x02, 0x82], // 1
    [0xe0, 0x4d, 0xe0, 0xcd], // right, seen by the enhanced call
  ];
  for (const codes of keys) {
    await machine.keyboardInput(Uint8Array.from(codes));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const deadline = Date.now() + 5000;
  while (!text.includes(String.fromCharCode(END)) && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await machine.powerOff();
  expect(text.trim().split(/\s+/).slice(0, 9)).toEqual([
    "00001e61", "00001e41", "00002e03", "00003b00", "00004800", "00001f53", "00001300", "00000231", "00004de0",
  ]); // prettier-ignore
});

test("clock: ticks run, time and date are BCD", async () => {
  const lines = await output(`
        sti
        mov ah, 0
        int 0x1a
        mov si, dx
.wait:  hlt
        mov ah, 0
        int 0x1a
        cmp dx, si
        je .wait
        sub dx, si
        movzx edx, dx
        show edx
        line
        mov ah, 2
        int 0x1a
        movzx ecx, cx
        show ecx
        mov ah, 4
        int 0x1a
        movzx ecx, cx
        show ecx
        jmp end`);
  expect(lines[0]).toBe("00000001");
  expect(lines[1]).toMatch(/^0000[0-2][0-9][0-5][0-9] 000020[0-9]{2}$/);
});

test("VESA modes", async () => {
  const { machine, lines } = await run(`
        mov dword [buffer], 0x32454256
        mov di, buffer
        mov ax, 0x4f00
        int 0x10
        movzx eax, ax
        show eax
        show [buffer]
        line
        lfs si, [buffer + 14]
.next:  mov cx, [fs:si]
        add si, 2
        cmp cx, 0xffff
        je .set
        mov di, buffer + 512
        mov ax, 0x4f01
        int 0x10
        movzx eax, word [buffer + 512 + 18]
        show eax
        movzx eax, word [buffer + 512 + 20]
        show eax
        movzx eax, byte [buffer + 512 + 25]
        show eax
        show [buffer + 512 + 40]
        line
        jmp .next
.set:   mov ax, 0x4f02
        mov bx, 0x4143
        int 0x10
        movzx eax, ax
        show eax
        mov ax, 0x4f03
        int 0x10
        movzx ebx, bx
        show ebx
        mov ax, 0x4f01
        mov cx, 0x0123          ; no such mode
        int 0x10
        movzx eax, ax
        show eax
        jmp end`);
  const screen = await machine.screen(true);
  await machine.powerOff();
  expect(lines).toEqual([
    "0000004f 41534556",
    "00000280 000001e0 00000020 e0000000",
    "00000320 00000258 00000020 e0000000",
    "00000400 00000300 00000020 e0000000",
    "00000500 00000400 00000020 e0000000",
    "00000500 000002d0 00000020 e0000000",
    "0000004f 00004143 0000014f",
  ]);
  expect(screen).toMatchObject({ mode: "graphics", width: 800, height: 600 });
});
