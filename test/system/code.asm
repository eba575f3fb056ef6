; Code as data: instructions that change what is executed next, in every mode; the limit of 15 bytes; the ends of code segments
; and of pages. SDM vol 3A "Self-Modifying Code", vol 2 "Instruction Format".
%define IMAGE "code"
%include "lib/system.asm"

; The registers of a mode: addresses are as wide as its code.
%macro registers_of 1                   ; bits
%if %1 == 16
%define BX_ bx
%define CX_ cx
%define DX_ dx
%define SP_ sp
%define SI_ si
%define DI_ di
%elif %1 == 32
%define BX_ ebx
%define CX_ ecx
%define DX_ edx
%define SP_ esp
%define SI_ esi
%define DI_ edi
%else
%define BX_ rbx
%define CX_ rcx
%define DX_ rdx
%define SP_ rsp
%define SI_ rsi
%define DI_ rdi
%endif
%endmacro

; BX_: the address of what follows.
%macro here 0
        call $ + 3 + 2 * ((MODE_IN & 0xff) != 16)
        pop BX_
%endmacro
; Where BX_ points, bytes before the next instruction.
HERE    equ 1

; Each changes MOV AL, 11 that follows it: AL becomes 22.
%macro changes_in 2                     ; mode, name
%assign MODE_IN %1
        registers_of MODE_IN & 0xff
        trial MODE_IN, {%2, "/next instruction, byte"}
        here
%%b:    mov byte [BX_ + %%bt - %%b + HERE + 1], 0x22
%%bt:   mov al, 0x11
        xor ebx, ebx
        end_trial
        trial MODE_IN, {%2, "/next instruction, word"}
        here
%%w:    mov word [BX_ + %%wt - %%w + HERE], 0x22b0
%%wt:   mov cl, 0x11
        xor ebx, ebx
        end_trial
        trial MODE_IN, {%2, "/next instruction, dword"}
        here
%%d:    mov dword [BX_ + %%dt - %%d + HERE], 0x909022b4
%%dt:   mov ah, 0x11
        nop
        nop
        xor ebx, ebx
        end_trial
        trial MODE_IN, {%2, "/read-modify-write"}
        here
%%r:    add byte [BX_ + %%rt - %%r + HERE + 1], 0x11
%%rt:   mov al, 0x11
        xor ebx, ebx
        end_trial
        trial MODE_IN, {%2, "/XCHG"}
        mov al, 0x22
        here
%%x:    xchg al, [BX_ + %%xt - %%x + HERE + 1]
%%xt:   mov cl, 0x11
        xor ebx, ebx
        end_trial
        trial MODE_IN, {%2, "/STOSB"}
        here
%%s:    lea DI_, [BX_ + %%st - %%s + HERE + 1]
        mov al, 0x22
        stosb
%%st:   mov cl, 0x11
        xor ebx, ebx
        xor edi, edi
        end_trial
        trial MODE_IN, {%2, "/REP MOVSB"}
        here
%%m:    lea DI_, [BX_ + %%mt - %%m + HERE]
        lea SI_, [BX_ + %%source - %%m + HERE]
        mov CX_, 2
        rep movsb
%%mt:   mov dl, 0x11
        jmp short %%after
%%source: mov dl, 0x22
%%after: xor ebx, ebx
        xor esi, esi
        xor edi, edi
        end_trial
        trial MODE_IN, {%2, "/PUSH"}
        here
%%p:    mov BX_, BX_
        mov CX_, SP_
        lea SP_, [BX_ + %%pt - %%p + HERE + 2]
        o16 push word 0x22b0
%%pt:   mov dl, 0x11
        mov SP_, CX_
        xor ebx, ebx
        xor ecx, ecx
        end_trial
        trial MODE_IN, {%2, "/its own bytes"}
        here
%%n:    xor edx, edx
        call %%own
        jmp short %%out
%%own:  mov byte [BX_ + %%own - %%n + HERE], 0xc3       ; RET
        inc dx
        jmp short %%own
%%out:  xor ebx, ebx
        end_trial
        trial MODE_IN, {%2, "/loop that counts in its own code"}
        xor eax, eax
        mov ecx, 100
        here
%%again: add ax, strict word 0
        inc byte [BX_ + HERE + 2 - ((MODE_IN & 0xff) == 16)]
        dec ecx
        jnz short %%again
        xor ebx, ebx
        end_trial
        trial MODE_IN, {%2, "/jump that is moved"}
        here
%%j:    xor eax, eax
%%top:  inc ax
        cmp ax, 50
        jne short %%go
        mov byte [BX_ + %%jump - %%j + HERE + 1], %%end - %%jump - 2
%%go:   nop
%%jump: jmp short %%top
        mov ax, 0x5555
%%end:  xor ebx, ebx
        end_trial
        trial MODE_IN, {%2, "/15 bytes"}
        times 13 db 0x3e
        mov al, 0x22
        end_trial
        trial MODE_IN, {%2, "/16 bytes"}
        nop
        times 14 db 0x3e
        mov al, 0x22
        end_trial
        trial MODE_IN, {%2, "/16 bytes, LOCK NOP"}
        times 14 db 0x3e
        db 0xf0, 0x90
        end_trial
        trial MODE_IN, {%2, "/prefixes"}
        times 20 db 0x66
        nop
        end_trial
%endmacro

; A code segment of 32 bytes at LOW_FREE.
SHORT_CODE      equ FREE
SHORT_CODE16    equ FREE + 8

%macro copied 2                         ; bytes, to
        mov dword [%2], (%1) & 0xffffffff
        mov dword [%2 + 4], (%1) >> 32
%endmacro

%macro at_limit 3                       ; name, offset, bytes: INT3 behind them
        copied %3, LOW_FREE + %2
        trial PROTECTED32_0, {"limit/32/", %1}
        jmp SHORT_CODE:%2
        end_trial
        trial PROTECTED16_0, {"limit/16/", %1}
        jmp SHORT_CODE16:%2
        end_trial
%endmacro

; 32-bit paging that maps the first 4 MiB onto themselves, but for HOLE.
DIRECTORY       equ HIGH_FREE
TABLE           equ HIGH_FREE + 0x1000
HOLE            equ 0x205000

build_paging:
        mov edi, DIRECTORY
        mov ecx, 1024
        xor eax, eax
        rep stosd
        mov dword [DIRECTORY], TABLE + 7
        mov edi, TABLE
        mov ecx, 1024
        mov eax, 7
.page:  stosd
        add eax, 0x1000
        loop .page
        mov dword [TABLE + HOLE / 0x1000 * 4], 0
        ret

%macro paging 0
        mov eax, DIRECTORY
        mov cr3, eax
        mov eax, cr0
        or eax, CR0_PG
        mov cr0, eax
        xor eax, eax
%endmacro

; Code that ends, or goes on, in the hole.
%macro code_at_hole 3                   ; name, bytes before the hole, bytes
        copied %3, HOLE - %2
        trial PROTECTED32_0, {"page/code/", %1}
        paging
        mov edi, HOLE - %2
        jmp edi
        end_trial
%endmacro

%macro data_at_hole 2                   ; name, instruction
        mov dword [HOLE - 4], 0x11111111
        mov dword [HOLE + 0x1000], 0x11111111
        trial PROTECTED32_0, {"page/data/end/", %1}
        paging
        mov edi, HOLE - 2
        mov esi, LOW_FREE
        mov ebx, LOW_FREE
        %2
        end_trial
        check {"page/data/end/", %1, " left"}
        putx 8, [HOLE - 4]
        end_check
        trial PROTECTED32_0, {"page/data/beginning/", %1}
        paging
        mov edi, HOLE + 0xffe
        mov esi, LOW_FREE
        mov ebx, LOW_FREE
        %2
        end_trial
        check {"page/data/beginning/", %1, " left"}
        putx 8, [HOLE + 0x1000]
        end_check
%endmacro

main:   changes_in REAL, "real"
        changes_in V86, "v86"
        changes_in PROTECTED16_0, "protected16"
        changes_in PROTECTED32_0, "protected32"
        changes_in PROTECTED32_3, "protected32/user"
        changes_in COMPAT16_3, "compat16"
        changes_in COMPAT32_0, "compat32"
        changes_in LONG_0, "long"
        changes_in LONG_3, "long/user"

        set_descriptor SHORT_CODE, LOW_FREE, 0x1f, 0x9b, 4
        set_descriptor SHORT_CODE16, LOW_FREE, 0x1f, 0x9b, 0
        at_limit "two bytes, then nothing", 0x1e, 0xcccccccccccc22b0
        at_limit "cut after one byte", 0x1f, 0xcccccccccccc22b0
        at_limit "last byte", 0x1f, 0xcccccccccccccc90
        at_limit "UD2 at the end", 0x1e, 0xcccccccccccc0b0f
        at_limit "UD2 cut", 0x1f, 0xcccccccccccc0b0f
        at_limit "prefix at the end", 0x1f, 0xcccccccccccc9066
        at_limit "behind the end", 0x20, 0xcccccccccccc9090

        call build_paging
        code_at_hole "one byte", 1, 0x90
        code_at_hole "MOV cut after opcode", 1, 0x44332211b8
        code_at_hole "MOV cut in the immediate", 3, 0x44332211b8
        code_at_hole "MOV whole", 5, 0x44332211b8
        code_at_hole "UD2", 2, 0x0b0f
        code_at_hole "UD2 cut", 1, 0x0b0f
        code_at_hole "LOCK NOP", 2, 0x90f0
        code_at_hole "LEA of a register", 2, 0xc08d
        code_at_hole "prefixes to the end", 4, 0x90663e2e
        code_at_hole "jump into the hole", 2, 0x7feb
        code_at_hole "INT3", 1, 0xcc
        code_at_hole "RDTSC cut", 1, 0x310f

        data_at_hole "read", {mov ecx, [edi]}
        data_at_hole "write", {mov [edi], ebx}
        data_at_hole "ADD", {add dword [edi], 1}
        data_at_hole "XCHG", {xchg ebx, [edi]}
        data_at_hole "XADD", {xadd [edi], ebx}
        data_at_hole "CMPXCHG", {cmpxchg [edi], ebx}
        data_at_hole "BTS", {bts dword [edi], 3}
        data_at_hole "MOVSD", {movsd}
        data_at_hole "STOSD", {stosd}
        data_at_hole "SCASD", {scasd}
        data_at_hole "SLDT", {sldt [edi + 1]}
        data_at_hole "POP", {pop dword [edi]}
        data_at_hole "FLD", {fld dword [edi]}
        data_at_hole "FST", {fst dword [edi]}
        data_at_hole "SHLD", {shld [edi], ebx, 4}
        data_at_hole "LES", {les ecx, [edi - 2]}
        finish
