; Model-specific registers, the fast system calls that depend on them, and XCR0. SDM vol 4 "Architectural MSRs", vol 2 by
; mnemonic.
%define IMAGE "msr"
%include "lib/system.asm"

CR4_OSXSAVE     equ 1 << 18
MSR_SYSENTER_CS equ 0x174
MSR_SYSENTER_ESP equ 0x175
MSR_SYSENTER_EIP equ 0x176
MSR_STAR        equ 0xc0000081
MSR_LSTAR       equ 0xc0000082
MSR_FMASK       equ 0xc0000084
SPARE           equ HIGH_FREE

        bits 32
; The event; when all went well RBX.
put_value:
        call report_event
        call is_done
        jne .return
        puts " rbx="
        push esi
        mov esi, rec_regs + REG_ebx * 8
        call put_qword
        pop esi
.return:
        ret

; Writes a value, reads it back.
%macro write 4                  ; name, number, upper and lower half
        check {"wrmsr ", %1}
        run LONG_0
        mov ecx, %2
        mov edx, %3
        mov eax, %4
        wrmsr
        rdmsr
        mov ebx, edx
        shl rbx, 32
        mov eax, eax
        or rbx, rax
        end_run
        call put_value
        end_check
%endmacro
%macro addresses 2              ; of a register that holds an address
        write {%1, ", high half"}, %2, 0xffff8000, 0x12345678
        write {%1, ", last of the low half"}, %2, 0x00007fff, 0xffffffff
        write {%1, ", not canonical"}, %2, 0x00008000, 0
        write {%1, ", not canonical, bit 63"}, %2, 0x80000000, 0
%endmacro

msr_checks:
        write "sysenter_cs", MSR_SYSENTER_CS, 0, 0x1234
        addresses "sysenter_esp", MSR_SYSENTER_ESP
        addresses "sysenter_eip", MSR_SYSENTER_EIP
        addresses "lstar", MSR_LSTAR
        addresses "cstar", 0xc0000083
        addresses "fs_base", 0xc0000100
        addresses "gs_base", 0xc0000101
        addresses "kernel_gs_base", 0xc0000102
        write "star", MSR_STAR, 0x12345678, 0x9abcdef0
        write "fmask", MSR_FMASK, 0, 0xffffffff
        write "fmask, upper half", MSR_FMASK, 1, 0
        write "tsc_aux", 0xc0000103, 0, 0xffffffff
        write "tsc_aux, upper half", 0xc0000103, 1, 0
        ret

memory_type_checks:
        write "pat, the types", 0x277, 0x00010405, 0x06070106
        write "pat, type 2", 0x277, 0x00010405, 0x06070206
        write "pat, type 3", 0x277, 0x03010405, 0x06070106
        write "pat, type 8", 0x277, 0x00010405, 0x06070108
        write "pat, as reset", 0x277, 0x00070406, 0x00070406
        write "mtrrcap", 0xfe, 0, 0x508
        write "mtrr_def_type, enabled", 0x2ff, 0, 0xc06
        write "mtrr_def_type, type 2", 0x2ff, 0, 2
        write "mtrr_def_type, type 7", 0x2ff, 0, 7
        write "mtrr_def_type, bit 8", 0x2ff, 0, 1 << 8
        write "mtrr_def_type, bit 12", 0x2ff, 0, 1 << 12
        write "mtrr_def_type, bit 32", 0x2ff, 1, 0
        write "mtrr_physbase0", 0x200, 0xff, 0xfffff006
        write "mtrr_physbase0, type 2", 0x200, 0, 2
        write "mtrr_physbase0, bit 8", 0x200, 0, 1 << 8
        write "mtrr_physbase0, bit 40", 0x200, 1 << 8, 0
        write "mtrr_physmask0", 0x201, 0xff, 0xfffff800
        write "mtrr_physmask0, bit 10", 0x201, 0, 1 << 10
        write "mtrr_physmask0, bit 0", 0x201, 0, 1
        write "mtrr_physmask0, bit 40", 0x201, 1 << 8, 0
        write "mtrr_physmask7", 0x20f, 0, 0x800
        write "mtrr_physmask7, off", 0x20f, 0, 0
        write "mtrr_physmask0, off", 0x201, 0, 0
        write "mtrr_fix64k_00000", 0x250, 0x00010405, 0x06060606
        write "mtrr_fix64k_00000, type 2", 0x250, 0, 2
        write "mtrr_fix64k_00000, type 7", 0x250, 0x07000000, 0
        write "mtrr_fix16k_a0000", 0x259, 0x01010101, 0x05050505
        write "mtrr_fix4k_f8000", 0x26f, 0x04040404, 0x05050505
        write "mtrr_fix4k_f8000, type 3", 0x26f, 0x04030404, 0x05050505
        write "mtrr_def_type, disabled", 0x2ff, 0, 0
        write "of number 12345678", 0x12345678, 0, 0
        write "of number c0000200", 0xc0000200, 0, 0
        ret

; Gives an MSR a value, from main.
%macro set_msr 3                ; number, upper and lower half
        mov ecx, %1
        mov edx, %2
        mov eax, %3
        wrmsr
%endmacro

; Where the system calls and returns lead: UD2, reported as "there".
        align 16
there:  ud2

; The event, or "there", the selectors, flags and stack pointer.
put_arrival:
        cmp dword [rec_vector], 6
        jne .event
        cmp dword [rec_ip], there
        jne .event
        puts "there cs="
        putx 4, [rec_cs]
        puts " ss="
        putx 4, [rec_ss]
        puts " sp="
        mov esi, rec_regs + REG_esp * 8
        call put_qword
        puts " fl="
        mov eax, [rec_flags]
        and eax, ~FLAG_RF
        putx 8, eax
        ret
.event: call report_event
        ret
%macro arrive 2                 ; mode, name
        check {%2}
        run %1
%endmacro
%macro end_arrive 0
        end_run
        call put_arrival
        end_check
%endmacro
; R11, and where RCX points, of SYSCALL.
%macro put_syscall 0
        puts " r11="
        mov esi, rec_regs + 11 * 8
        call put_qword
        puts " rcx=+"
        mov eax, [rec_regs + REG_ecx * 8]
        sub eax, [trial_ip]
        call put_decimal
%endmacro

%macro syscalls 3               ; mode, name, whether it works there
        check {"syscall without sce, ", %2}
        run %1
        syscall
        end_arrive
        check {"syscall, ", %2}
        with_efer EFER_SCE
        with_flags FLAG_CF | FLAG_DF | FLAG_AC
        run %1
        syscall
        end_run
        call put_arrival
%if %3
        put_syscall
%endif
        end_check
%endmacro

syscall_checks:
        set_msr MSR_STAR, CODE64 | 0x100 << 16, 0
        set_msr MSR_LSTAR, 0, there
        set_msr MSR_FMASK, 0, FLAG_DF | FLAG_AC
        syscalls LONG_0, "cpl 0", 1
        syscalls LONG_3, "cpl 3", 1
        syscalls COMPAT32_3, "compatibility mode", 0
        syscalls PROTECTED32_3, "protected mode", 0
        syscalls REAL, "real mode", 0
        arrive LONG_0, "sysret without sce"
        o64 sysret
        end_arrive
        arrive LONG_3, "sysret without sce, cpl 3"
        o64 sysret
        end_arrive
%macro sysrets 3                ; name, mode, value of R11
        check {%1}
        with_efer EFER_SCE
        run %2
        mov ecx, there
        mov r11d, %3
%endmacro
        sysrets "sysret to 64-bit code", LONG_0, FLAG_CF
        o64 sysret
        end_arrive
        sysrets "sysret to compatibility mode", LONG_0, FLAG_CF
        sysret
        end_arrive
        sysrets "sysret, all flags", LONG_0, 0xfffffeff
        o64 sysret
        end_arrive
        sysrets "sysret at cpl 3", LONG_3, 0
        o64 sysret
        end_arrive
        sysrets "sysret, rcx not canonical", LONG_0, 0
        mov rcx, 1 << 47
        o64 sysret
        end_arrive
        check "sysret in compatibility mode"
        with_efer EFER_SCE
        run COMPAT32_0
        mov ecx, there
        sysret
        end_arrive
        ret

%macro sysenters 2              ; mode, name
        arrive %1, {"sysenter, ", %2}
        sysenter
        end_arrive
%endmacro
%macro sysexits 2
        arrive %1, {"sysexit, ", %2}
        mov edx, there
        mov ecx, 0x5000
        sysexit
        end_arrive
%endmacro

sysenter_checks:
        set_msr MSR_SYSENTER_CS, 0, CODE32
        set_msr MSR_SYSENTER_ESP, 0, 0x5400
        set_msr MSR_SYSENTER_EIP, 0, there
        sysenters PROTECTED32_0, "cpl 0"
        sysenters PROTECTED32_3, "cpl 3"
        sysenters PROTECTED16_3, "16-bit code"
        sysenters V86, "virtual-8086 mode"
        sysenters REAL, "real mode"
        sysexits PROTECTED32_0, "protected mode"
        sysexits PROTECTED32_3, "protected mode, cpl 3"
        sysexits LONG_0, "long mode to compatibility mode"
        sysexits REAL, "real mode"
        arrive LONG_0, "sysexit, to 64-bit code"
        mov edx, there
        mov ecx, 0x5000
        o64 sysexit
        end_arrive
        arrive LONG_0, "sysexit, rdx not canonical"
        mov rdx, 1 << 47
        mov ecx, 0x5000
        o64 sysexit
        end_arrive
        arrive LONG_0, "sysexit, rcx not canonical"
        mov edx, there
        mov rcx, 1 << 47
        o64 sysexit
        end_arrive
        set_msr MSR_SYSENTER_CS, 0, CODE64
        sysenters LONG_3, "64-bit code"
        sysenters COMPAT32_3, "compatibility mode"
        set_msr MSR_SYSENTER_CS, 0, 3
        sysenters PROTECTED32_3, "null cs"
        sysexits PROTECTED32_0, "null cs"
        ret

; XCR0. The low dword only: EDX is 0.
%macro xcr 3                    ; name, ECX, EAX
        check {"xsetbv ", %1}
        with_cr4 CR4_OSXSAVE
        run LONG_0
        mov ecx, %2
        mov eax, %3
        xor edx, edx
        xsetbv
        xor ecx, ecx
        xgetbv
        mov ebx, eax
        end_run
        call put_value
        end_check
%endmacro
%macro xcr_mode 4               ; mode, name, CR4, instruction
        check {%2}
        with_cr4 %3
        run %1
        xor ecx, ecx
        %4
        end_run
        call report_event
        end_check
%endmacro

xcr0_checks:
        xcr "x87 and sse", 0, 3
        xcr "x87", 0, 1
        xcr "nothing", 0, 0
        xcr "sse without x87", 0, 2
        xcr "bit 31", 0, 0x80000001
        xcr "of number 1", 1, 1
        check "xsetbv upper half"
        with_cr4 CR4_OSXSAVE
        run LONG_0
        xor ecx, ecx
        mov eax, 1
        mov edx, 1 << 30
        xsetbv
        end_run
        call report_event
        end_check
        check "xgetbv of number 2"
        with_cr4 CR4_OSXSAVE
        run LONG_0
        mov ecx, 2
        xgetbv
        end_run
        call report_event
        end_check
        xcr_mode LONG_3, "osxsave=1 cpl 3, xgetbv", CR4_OSXSAVE, {xgetbv}
        xcr_mode LONG_3, "osxsave=1 cpl 3, xsetbv", CR4_OSXSAVE, {xsetbv}
        xcr_mode REAL, "osxsave=1 real, xgetbv", CR4_OSXSAVE, {xgetbv}
        xcr_mode V86, "osxsave=1 v86, xsetbv", CR4_OSXSAVE, {xsetbv}
        xcr_mode LONG_0, "osxsave=0, xgetbv", 0, {xgetbv}
        xcr_mode LONG_0, "osxsave=0, xsetbv", 0, {xsetbv}
        xcr_mode LONG_3, "osxsave=0 cpl 3, xsetbv", 0, {xsetbv}
        xcr_mode LONG_0, "osxsave=0, xsave", 0, {xsave [SPARE]}
        xcr_mode LONG_0, "osxsave=0, xrstor", 0, {xrstor [SPARE]}
        xcr_mode LONG_0, "osxsave=1, xsave", CR4_OSXSAVE, {xsave [SPARE]}
        xcr_mode LONG_0, "osxsave=1, xsave not aligned", CR4_OSXSAVE, {xsave [SPARE + 32]}
        xcr_mode LONG_0, "osxsave=1, xrstor not aligned", CR4_OSXSAVE, {xrstor [SPARE + 16]}
        check "osxsave=1 ts=1, xsave"
        with_cr4 CR4_OSXSAVE
        with_cr0 CR0_TS
        run LONG_0
        xsave [SPARE]
        end_run
        call report_event
        end_check
        check "osxsave=1 em=1, xsave"
        with_cr4 CR4_OSXSAVE
        with_cr0 CR0_EM
        run LONG_0
        xsave [SPARE]
        end_run
        call report_event
        end_check
        check "osxsave in cpuid"
        with_cr4 CR4_OSXSAVE
        run LONG_0
        mov eax, 1
        cpuid
        shr ecx, 27
        and ecx, 1
        mov ebx, ecx
        end_run
        call put_value
        end_check
        check "osxsave not in cpuid"
        run LONG_0
        mov eax, 1
        cpuid
        shr ecx, 27
        and ecx, 1
        mov ebx, ecx
        end_run
        call put_value
        end_check
        ret

main:   call msr_checks
        call memory_type_checks
        call syscall_checks
        call sysenter_checks
        call xcr0_checks
        finish
