; Exceptions while an exception is delivered: which pairs make a double fault; and what resets the machine: shutdown after a third
; fault, the keyboard controller, ports 92h and CF9h. SDM vol 3A "Interrupt 8 - Double Fault Exception (#DF)".
;
; The part about resets is a state machine in memory that a reset does not clear: after each one the image boots again.
%define IMAGE "shutdown"
%include "lib/system.asm"

STATE           equ HIGH_FREE           ; magic, stage, number of checks before the reset
MAGIC           equ 0x54455352
NOT_PRESENT     equ FREE
UNMAPPED        equ 0x70000000

        align 8
empty_idt:      dw 0
                dd 0, 0
bounds:         dd 1, 2
control_word:   dw 0x037b
        align 4
x87_one:        dd 0x3f800000
x87_zero:       dd 0

; The first exception of each pair, at CPL 3.
%macro raise_np 0
        mov ax, NOT_PRESENT | 3
        mov es, ax
%endmacro
%macro raise_ss 0
        mov ax, NOT_PRESENT | 3
        mov ss, ax
%endmacro
%macro raise_br 0
        xor eax, eax
        bound eax, [bounds]
%endmacro
%macro raise_mf 0
        fninit
        fldcw [control_word]
        fld dword [x87_one]
        fdiv dword [x87_zero]
        wait
%endmacro
%macro raise_pf 0
        mov eax, [UNMAPPED]
%endmacro
%macro raise_ac 0
        mov eax, [bounds + 1]
%endmacro

; One line: what comes of a second fault while the first is delivered. %3: before each trial.
%macro pair 3-4 nop                     ; name, vector, how to raise it, what is set before
        check {"pair/protected mode/", %1, ", its gate absent, no gate, null target"}
        and byte [IDT32 + (%2) * 8 + 5], 0x7f
        %4
        run PROTECTED32_3
        %3
        end_run
        call report_event
        mov byte [IDT32 + (%2) * 8 + 5], 0xe0
        putc ' '
        %4
        run PROTECTED32_3
        %3
        end_run
        call report_event
        mov byte [IDT32 + (%2) * 8 + 5], GATE_INT | 3 << 5
        mov word [IDT32 + (%2) * 8 + 2], 0
        putc ' '
        %4
        run PROTECTED32_3
        %3
        end_run
        call report_event
        mov word [IDT32 + (%2) * 8 + 2], CODE32
        end_check
%endmacro
%macro long_pair 3-4 nop
        check {"pair/long mode/", %1, ", its gate absent, no gate, stack not mapped"}
        and byte [IDT64 + (%2) * 16 + 5], 0x7f
        %4
        run COMPAT32_3
        %3
        end_run
        call report_event
        mov byte [IDT64 + (%2) * 16 + 5], 0xe0
        putc ' '
        %4
        run COMPAT32_3
        %3
        end_run
        call report_event
        mov byte [IDT64 + (%2) * 16 + 5], GATE_INT | 3 << 5
        mov byte [IDT64 + (%2) * 16 + 4], 2     ; IST 2
        putc ' '
        %4
        run COMPAT32_3
        %3
        end_run
        call report_event
        mov byte [IDT64 + (%2) * 16 + 4], 0
        end_check
%endmacro
%macro pairs 1
        %1 "#DE", 0, {aam 0}
        %1 "#DB", 1, {nop}, {with_flags FLAG_TF}
        %1 "#OF", 4, {into}, {with_flags FLAG_OF}
        %1 "int3", 3, {int3}
        %1 "#BR", 5, {raise_br}
        %1 "#UD", 6, {ud2}
        %1 "#NM", 7, {fnop}, {with_cr0 CR0_TS}
        %1 "#NP", 11, {raise_np}
        %1 "#SS", 12, {raise_ss}
        %1 "#GP", 13, {hlt}
        %1 "#MF", 16, {raise_mf}
        %1 "#AC", 17, {raise_ac}, {aligned}
%endmacro
%macro aligned 0
        with_flags FLAG_AC
        with_cr0 CR0_AM
%endmacro

%assign STAGE 0
; One reset. If the machine is still there, what happened instead is printed.
%macro stage 3                          ; name, mode, how
        cmp dword [STATE + 4], STAGE
        jne %%skip
        check {"reset/", %1}
        mov eax, [check_count]
        mov [STATE + 8], eax
        call serial_drain
        run %2
        %3
        end_run
        call report_trial
        end_check
        inc dword [STATE + 4]
%%skip:
%assign STAGE STAGE + 1
%endmacro
%macro port_reset 2                     ; port, value
        mov dx, %1
        mov al, %2
        out dx, al
        mov ecx, 0x1000000
%%wait: loop %%wait                     ; time for the wire
%endmacro
%macro cf9_reset 0
        mov dx, 0xcf9
        mov al, 2
        out dx, al
        port_reset 0xcf9, 6
%endmacro
%macro bad_stack 0
        mov esp, UNMAPPED
        ud2
%endmacro
%macro no_idt 1
        lidt [empty_idt]
        %1
%endmacro

        bits 32
main:
        cmp dword [STATE], MAGIC
        je after_reset
        set_descriptor NOT_PRESENT, 0, 0xfffff, 0x73, 0xc
        mov dword [tss64 + 44], UNMAPPED
        pairs pair
        pairs long_pair
        long_pair "#PF", 14, {raise_pf}
        mov dword [STATE], MAGIC
        mov dword [STATE + 4], 0
        jmp stages
after_reset:
        mov eax, [STATE + 8]
        mov [check_count], eax
        puts "reset"
        end_check
        inc dword [STATE + 4]
stages:
        stage "protected mode without IDT", PROTECTED32_0, {no_idt {ud2}}
        stage "real mode without IVT", REAL, {no_idt {int3}}
        stage "64-bit mode without IDT", LONG_0, {no_idt {ud2}}
        stage "64-bit mode, stack not mapped", LONG_0, {bad_stack}
        stage "keyboard controller", PROTECTED32_0, {port_reset 0x64, 0xfe}
        stage "port 92h", PROTECTED32_0, {port_reset 0x92, 3}
        stage "port CF9h", PROTECTED32_0, {cf9_reset}
        mov dword [STATE], 0
        finish
