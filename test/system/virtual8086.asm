; What virtual-8086 mode and CPL 3 may do with the interrupt flag: by IOPL, CR4.VME, CR4.PVI, VIF and VIP; INT n through the IDT or,
; by the redirection bitmap, through the program's own vectors.
%define IMAGE "virtual8086"
%include "lib/system.asm"

HANDLER         equ SNIPPET + 0x380     ; of INT 50H as the 8086 program has it
VECTOR          equ 0x50
MAP_BYTE        equ tss32_redirect + VECTOR / 8
MAP_BIT         equ 1 << (VECTOR & 7)

        variable case, 4                ; bit 0 the extension, 1 IOPL 3, 2 VIF, 3 VIP, 4 IF
        variable case_end, 4

; The flags of [case] for the next trial, and its name.
        bits 32
set_case:
        pushad
        puts "ext="
        mov eax, [case]
        and eax, 1
        putx 1, eax
        puts " iopl="
        mov eax, [case]
        shr eax, 1
        and eax, 1
        neg eax
        and eax, 3
        putx 1, eax
        shl eax, 12
        mov ecx, eax
        puts " vif="
        mov eax, [case]
        shr eax, 2
        and eax, 1
        putx 1, eax
        shl eax, 19
        or ecx, eax
        puts " vip="
        mov eax, [case]
        shr eax, 3
        and eax, 1
        putx 1, eax
        shl eax, 20
        or ecx, eax
        puts " if="
        mov eax, [case]
        shr eax, 4
        and eax, 1
        putx 1, eax
        shl eax, 9
        or ecx, eax
        mov [trial_flags], ecx
        mov eax, [case]
        and eax, 1
        imul eax, eax, CR4_VME | CR4_PVI
        mov [trial_cr4], eax
        popad
        ret

; The lines of one snippet, for all cases without IF; with a third argument for those with it too.
%macro each_case 2-3 16                 ; mode, name, number of cases
%xdefine CASE_MODE %1
        mov dword [case], 0
        mov dword [case_end], %3
%%case: begin_check
        puts {%2, "/"}
        call set_case
        end_name
%xdefine CASE_LOOP %%case
        run CASE_MODE
%endmacro
%macro end_case 0
        end_run
        call report_trial
        end_check
        inc dword [case]
        mov eax, [case]
        cmp eax, [case_end]
        jb CASE_LOOP
%endmacro

main:
; The 8086 program's handler notes what INT pushed.
        mov dword [IVT + VECTOR * 4], HANDLER
        mov dword [HANDLER], 0x0f5a5958         ; POP AX, CX, DX; UD2
        mov byte [HANDLER + 4], 0x0b
        mov byte [MAP_BYTE], 0

        each_case V86, "cli", 32
        cli
        end_case
        each_case V86, "sti", 32
        sti
        end_case
        each_case V86, "pushf", 32
        pushf
        pop ax
        end_case
        each_case V86, "pushfd"
        o32 pushf
        pop eax
        end_case
        each_case V86, "popf 0002"
        push word 2
        popf
        end_case
        each_case V86, "popf 0202"
        push word 0x202
        popf
        end_case
        each_case V86, "popf 7cd7"
        push word 0x7ed7 & ~FLAG_IF
        popf
        end_case
        each_case V86, "popf tf"
        push word 0x102
        popf
        nop
        end_case
        each_case V86, "popfd"
        push dword 0x00247ed7
        o32 popf
        end_case
        each_case V86, "iret 0002"
        push word 2
        push word 0
        push word SNIPPET + 0x10
        iret
        times 16 nop
        end_case
        each_case V86, "iret 0202"
        push word 0x202
        push word 0
        push word SNIPPET + 0x10
        iret
        times 16 nop
        end_case
        each_case V86, "iretd"
        push dword 0x00343202
        push dword 0
        push dword SNIPPET + 0x20
        o32 iret
        times 32 nop
        end_case
        each_case V86, "int, redirected", 32
        int VECTOR
        end_case
        mov byte [MAP_BYTE], MAP_BIT
        each_case V86, "int, not redirected"
        int VECTOR
        end_case
        each_case V86, "int3"
        int3
        end_case
        each_case V86, "hlt"
        hlt
        end_case
        each_case V86, "into"
        mov al, 0x7f
        inc al
        into
        end_case
        mov byte [MAP_BYTE], 0

; The bitmap lies before the I/O bitmap; without a TSS that holds it INT n is refused.
        mov word [tss32 + 102], TSS32_BYTES + 31
        with_cr4 CR4_VME
        trial V86, "redirection bitmap at the end of the TSS"
        int VECTOR
        end_trial
        mov word [tss32 + 102], TSS32_BYTES + 32
        with_cr4 CR4_VME
        trial V86, "redirection bitmap ends before the vector"
        int 0xff
        end_trial
        mov word [tss32 + 102], 0xffff
        with_cr4 CR4_VME
        trial V86, "redirection bitmap beyond the TSS"
        int VECTOR
        end_trial
        mov word [tss32 + 102], tss32_bitmap - tss32

; The handler's IRET: there and back.
        mov byte [HANDLER], 0xcf
        with_cr4 CR4_VME
        with_flags FLAG_VIF
        trial V86, "int and iret, VIF"
        int VECTOR
        nop
        end_trial
        with_cr4 CR4_VME
        with_flags FLAG_IOPL3 | FLAG_IF
        trial V86, "int and iret, IF"
        int VECTOR
        nop
        end_trial
        with_cr4 CR4_VME
        with_flags FLAG_VIF | FLAG_VIP
        trial V86, "int and iret, VIF with VIP"
        int VECTOR
        nop
        end_trial

; Protected mode at CPL 3.
        each_case PROTECTED32_3, "pvi/cli", 32
        cli
        end_case
        each_case PROTECTED32_3, "pvi/sti", 32
        sti
        end_case
        each_case PROTECTED32_3, "pvi/pushfd"
        pushfd
        pop eax
        end_case
        each_case PROTECTED32_3, "pvi/popfd"
        push 0x00343202
        popfd
        end_case
        each_case PROTECTED32_3, "pvi/popf"
        push word 0x202
        o16 popf
        end_case
        each_case PROTECTED32_2, "pvi/ring 2, cli"
        cli
        end_case
        each_case LONG_3, "pvi/long mode, cli", 8
        cli
        end_case
        each_case LONG_3, "pvi/long mode, sti", 8
        sti
        end_case
        finish
