; Debug exceptions in every mode: instruction, data and I/O breakpoints, single-step, RF, what MOV SS holds off, general detect. Each snippet runs in
; eight modes. DR0 to DR3 and DR7 are set before the trial.
%define IMAGE "breakpoints"
%include "lib/system.asm"

WATCHED         equ 0x7010              ; data that only the snippets touch (real mode reaches it)
VECTOR          equ 0x40
L0              equ 1
G1              equ 8
L2              equ 0x10

; DR7's R/W and LEN of breakpoint 0.
WRITE_1         equ 1 << 16
WRITE_4         equ 1 << 16 | 3 << 18
WRITE_8         equ 1 << 16 | 2 << 18
ACCESS_2        equ 3 << 16 | 1 << 18
PORT_1          equ 2 << 16

%macro set_dr 2
        mov eax, %2
        mov dr%1, eax
%endmacro

; One snippet in one mode. %4 is a macro executed before, %5 the macro of the snippet. BASE is the snippet's linear address, OWN_SS in EAX.
%macro in_mode 5                        ; mode, its name, name, setup, snippet
%assign NEXT_RUN RUN_NUMBER + 1
%assign MODE_OF_SNIPPET %1
%if ((%1) & 0xff) == 16
%xdefine BASE SNIPPET
%xdefine PTR bx
%else
%xdefine PTR ebx
%xdefine BASE run_start_ %+ NEXT_RUN
%endif
        mov dword [WATCHED - 4], 0
        mov dword [WATCHED], 0
        mov dword [WATCHED + 4], 0
        movzx eax, word [modes + ((%1) >> 8) * MODE_BYTES + MODE_SS]
        with eax, eax
        mov [WATCHED + 8], ax
        with ebx, WATCHED
        with ecx, 3
        with edx, 0x80
        with esi, WATCHED + 0x10
        with edi, WATCHED - 1
        %4
        trial %1, {%2, "/", %3}
        %5
        end_trial
%endmacro
%macro in_modes 3                       ; name, setup, snippet
        in_mode REAL, "real", %1, %2, %3
        in_mode PROTECTED16_0, "pm16.0", %1, %2, %3
        in_mode PROTECTED32_0, "pm32.0", %1, %2, %3
        in_mode PROTECTED32_3, "pm32.3", %1, %2, %3
        in_mode V86, "v86", %1, %2, %3
        in_mode COMPAT32_3, "compat32.3", %1, %2, %3
        in_mode LONG_0, "long.0", %1, %2, %3
        in_mode LONG_3, "long.3", %1, %2, %3
%endmacro
; Those whose stack nobody else uses.
%macro in_outer 3
        in_mode PROTECTED32_3, "pm32.3", %1, %2, %3
        in_mode V86, "v86", %1, %2, %3
        in_mode COMPAT32_3, "compat32.3", %1, %2, %3
        in_mode LONG_3, "long.3", %1, %2, %3
%endmacro
; Snippets that need CPL 0.
%macro in_ring0 3
        in_mode REAL, "real", %1, %2, %3
        in_mode PROTECTED32_0, "pm32.0", %1, %2, %3
        in_mode LONG_0, "long.0", %1, %2, %3
%endmacro

; Setups.
%macro tf 0
        with_flags FLAG_TF
%endmacro
%macro at_0 0
        set_dr 0, BASE
        set_dr 7, L0
%endmacro
%macro at_0_with_rf 0
        with_flags FLAG_RF
        set_dr 0, BASE
        set_dr 7, L0
%endmacro
%macro at_1 0
        set_dr 1, BASE + 1
        set_dr 7, G1
%endmacro
%macro at_2 0
        set_dr 2, BASE + 2
        set_dr 7, L2
%endmacro
%macro at_2_off 0
        set_dr 2, BASE + 2
        set_dr 7, L0 << 6
        set_dr 3, 0x12345678
%endmacro
%macro all_at_1 0
        set_dr 0, BASE + 1
        set_dr 1, BASE + 1
        set_dr 2, BASE + 1
        set_dr 3, BASE + 2
        set_dr 7, L2
%endmacro
%macro write_1 0
        set_dr 0, WATCHED
        set_dr 7, L0 | WRITE_1
%endmacro
%macro write_4 0
        set_dr 0, WATCHED
        set_dr 7, L0 | WRITE_4
%endmacro
%macro write_4_misaligned 0
        set_dr 0, WATCHED + 2
        set_dr 7, L0 | WRITE_4
%endmacro
%macro write_8 0
        set_dr 0, WATCHED
        set_dr 7, L0 | WRITE_8
%endmacro
%macro access_2 0
        set_dr 0, WATCHED
        set_dr 7, L0 | ACCESS_2
%endmacro
%macro access_ss 0
        set_dr 0, WATCHED + 8
        set_dr 7, L0 | ACCESS_2
%endmacro
%macro stack_write 0
        with_flags FLAG_IOPL3
        set_dr 0, TRIAL_SP - 8
        set_dr 7, L0 | WRITE_8
%endmacro
%macro port 0
        with_cr4 CR4_DE
        set_dr 0, 0x80
        set_dr 7, L0 | PORT_1
%endmacro
%macro port_without_de 0
        set_dr 0, 0x80
        set_dr 7, L0 | PORT_1
%endmacro
%macro none 0
%endmacro

; Snippets.
%macro nops 0
        nop
        nop
        nop
        nop
%endmacro
%macro mov_ss 0
        mov ss, ax
        nop
        nop
%endmacro
%macro mov_ss_twice 0
        mov ss, ax
        mov ss, ax
        nop
        nop
%endmacro
%macro mov_ss_memory 0
        mov ss, [PTR + 8]
        nop
        nop
%endmacro
%macro int_n 0
        int VECTOR
%endmacro
%macro bp3 0
        int3
%endmacro
%macro undefined 0
        ud2
%endmacro
%macro jump 0
        jmp short %%to
        nop
%%to:   nop
%endmacro
%macro string 0
        cld
        rep movsb
        nop
%endmacro
%macro string_stos 0
        rep stosb
        nop
%endmacro
%macro read_byte 0
        mov al, [PTR]
        nop
%endmacro
%macro write_byte 0
        mov [PTR], cl
        nop
%endmacro
%macro write_byte_3 0
        mov [PTR + 3], cl
        nop
%endmacro
%macro write_byte_4 0
        mov [PTR + 4], cl
        nop
%endmacro
%macro write_dword_below 0
        mov [PTR - 3], ecx
        nop
%endmacro
%macro write_dword_beside 0
        mov [PTR - 4], ecx
        nop
%endmacro
%macro exchange 0
        xchg [PTR], cl
        nop
%endmacro
%macro increment 0
        inc byte [PTR]
        nop
%endmacro
%macro store_flags 0
        pushf
        nop
%endmacro
%macro calls 0
        call %%to
%%to:   nop
        nop
%endmacro
%macro out_80 0
        out 0x80, al
        nop
%endmacro
%macro out_7f 0
        out 0x7f, ax
        nop
%endmacro
%macro out_81 0
        out 0x81, al
        nop
%endmacro
%macro outs_80 0
        rep outsb
        nop
%endmacro
%macro halt_or_not 0
        cli
        nop
%endmacro
%macro read_dr7 0
%if (MODE_OF_SNIPPET & 0xff) == 64
        mov eax, 0x2000
        mov dr7, rax
        mov rax, dr7
%else
        mov eax, 0x2000
        mov dr7, eax
        mov eax, dr7
%endif
%endmacro
%macro write_ones 0
%if (MODE_OF_SNIPPET & 0xff) == 64
        mov eax, 0xffffffff
        mov dr6, rax
        mov eax, 0xffffd700
        mov dr7, rax
        mov rcx, dr6
        mov rdx, dr7
%else
        mov eax, 0xffffffff
        mov dr6, eax
        mov eax, 0xffffd700
        mov dr7, eax
        mov ecx, dr6
        mov edx, dr7
%endif
%endmacro

main:
        in_modes "tf/nop", tf, nops
        in_modes "tf/mov ss", tf, mov_ss
        in_modes "tf/mov ss twice", tf, mov_ss_twice
        in_modes "tf/mov ss, memory", tf, mov_ss_memory
        in_modes "tf/int n", tf, int_n
        in_modes "tf/int3", tf, bp3
        in_modes "tf/ud2", tf, undefined
        in_modes "tf/jmp", tf, jump
        in_modes "tf/rep stosb", tf, string_stos
        in_modes "tf/rep movsb after cld", tf, string
        in_ring0 "tf/cli", tf, halt_or_not
        in_modes "execute/at the first", at_0, nops
        in_mode PROTECTED32_0, "pm32.0", "execute/at the first, RF", at_0_with_rf, nops
        in_mode PROTECTED32_3, "pm32.3", "execute/at the first, RF", at_0_with_rf, nops
        in_mode LONG_3, "long.3", "execute/at the first, RF", at_0_with_rf, nops
        in_modes "execute/at the second", at_1, nops
        in_modes "execute/not the first byte", at_1, mov_ss
        in_modes "execute/after mov ss", at_2, mov_ss
        in_modes "execute/not enabled", at_2_off, nops
        in_modes "execute/status of all", all_at_1, nops
        in_modes "execute/rep stosb", at_0, string_stos
        in_modes "execute/ud2", at_0, undefined
        in_modes "write/read", write_1, read_byte
        in_modes "write/write", write_1, write_byte
        in_modes "write/4, last byte", write_4, write_byte_3
        in_modes "write/4, behind", write_4, write_byte_4
        in_modes "write/4 misaligned, first byte", write_4_misaligned, write_byte
        in_modes "write/8, byte 4", write_8, write_byte_4
        in_modes "write/dword from below", write_1, write_dword_below
        in_modes "write/dword beside", write_1, write_dword_beside
        in_modes "write/xchg", write_1, exchange
        in_modes "write/inc", write_1, increment
        in_modes "write/rep stosb", write_1, string_stos
        in_outer "write/pushf", stack_write, store_flags
        in_outer "write/call", stack_write, calls
        in_modes "access/read", access_2, read_byte
        in_modes "access/mov ss, then nop", access_ss, mov_ss_memory
        in_ring0 "port/out", port, out_80
        in_ring0 "port/word from below", port, out_7f
        in_ring0 "port/beside", port, out_81
        in_ring0 "port/rep outsb", port, outs_80
        in_ring0 "port/without DE", port_without_de, out_80
        in_ring0 "general detect", none, read_dr7
        in_ring0 "bits that can be set", none, write_ones
        finish
