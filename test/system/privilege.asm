; System instructions in every mode and at every CPL, MSRs, and SYSENTER, SYSEXIT, SYSCALL, SYSRET.
%define IMAGE "privilege"
%include "lib/system.asm"

        align 8
here:           dw 0, 0, 0, 0, 0
gdt_copy:       dw GDT_BYTES - 1
                dd gdt, 0
idt_copy:       dw 0x7ff
                dd IDT32, 0
ivt_copy:       dw 0x3ff
                dd IVT, 0

MSR_SYSENTER_CS  equ 0x174
MSR_SYSENTER_ESP equ 0x175
MSR_SYSENTER_EIP equ 0x176
MSR_STAR        equ 0xc0000081
MSR_LSTAR       equ 0xc0000082
MSR_CSTAR       equ 0xc0000083
MSR_FMASK       equ 0xc0000084
MSR_FS_BASE     equ 0xc0000100
MSR_GS_BASE     equ 0xc0000101
MSR_KERNEL_GS   equ 0xc0000102
PORT            equ 0x21

; What does the same in all modes, and does no harm where it is allowed.
%macro privileged_in 2                  ; mode, name
        trial %1, {%2, "/clts"}
        clts
        end_trial
        trial %1, {%2, "/lmsw"}
        mov ax, CR0_TS
        lmsw ax
        end_trial
        trial %1, {%2, "/smsw"}
        smsw bx
        end_trial
        trial %1, {%2, "/sgdt"}
        sgdt [here]
        end_trial
        trial %1, {%2, "/sidt"}
        sidt [here]
        end_trial
        trial %1, {%2, "/lgdt"}
        lgdt [gdt_copy]
        end_trial
        trial %1, {%2, "/sldt"}
        sldt bx
        end_trial
        trial %1, {%2, "/str"}
        str bx
        end_trial
        trial %1, {%2, "/lldt"}
        xor ax, ax
        lldt ax
        end_trial
        trial %1, {%2, "/verr"}
        mov ax, DATA32
        verr ax
        end_trial
        trial %1, {%2, "/invd"}
        cmp eax, eax
        wbinvd
        end_trial
        trial %1, {%2, "/invlpg"}
        invlpg [here]
        end_trial
        trial %1, {%2, "/invlpg of a register"}
        db 0x0f, 0x01, 0xf9             ; RDTSCP where it exists: its register form 7, 1
        mov eax, 0
        mov ecx, 0
        mov edx, 0
        end_trial
        trial %1, {%2, "/rdmsr"}
        mov ecx, MSR_SYSENTER_CS
        rdmsr
        end_trial
        trial %1, {%2, "/wrmsr"}
        mov ecx, MSR_SYSENTER_CS
        mov eax, 0
        mov edx, 0
        wrmsr
        end_trial
        with_cr4 CR4_TSD
        trial %1, {%2, "/rdtsc with TSD"}
        rdtsc
        mov eax, 0
        mov edx, 0
        end_trial
        trial %1, {%2, "/rdtsc"}
        rdtsc
        mov eax, 0
        mov edx, 0
        end_trial
        trial %1, {%2, "/cli"}
        cli
        end_trial
        trial %1, {%2, "/sti"}
        sti
        end_trial
        with_flags FLAG_IOPL3
        trial %1, {%2, "/cli with IOPL 3"}
        cli
        end_trial
        with_flags FLAG_IOPL3
        trial %1, {%2, "/sti with IOPL 3"}
        sti
        cli
        end_trial
        trial %1, {%2, "/in"}
        in al, PORT
        end_trial
        with_flags FLAG_IOPL3
        trial %1, {%2, "/in with IOPL 3"}
        in al, PORT
        end_trial
        with edx, 0x2fe
        trial %1, {%2, "/in dx, forbidden by the bitmap"}
        in al, dx
        mov al, 0
        end_trial
        trial %1, {%2, "/out"}
        mov al, 0xff
        out PORT, al
        end_trial
        trial %1, {%2, "/insb"}
        mov edi, 0x5100
        mov dx, PORT
        insb
        end_trial
        trial %1, {%2, "/outsb"}
        mov esi, 0x5100
        mov dx, 0x80
        outsb
        end_trial
        trial %1, {%2, "/rsm"}
        rsm
        nop
        end_trial
        trial %1, {%2, "/syscall without SCE"}
        syscall
        nop
        end_trial
        trial %1, {%2, "/sysret without SCE"}
        sysret
        nop
        end_trial
        trial %1, {%2, "/sysenter with CS 0"}
        sysenter
        nop
        end_trial
        trial %1, {%2, "/sysexit with CS 0"}
        sysexit
        nop
        end_trial
        trial %1, {%2, "/xgetbv without OSXSAVE"}
        xor ecx, ecx
        xgetbv
        nop
        end_trial
        trial %1, {%2, "/swapgs"}
        db 0x0f, 0x01, 0xf8
        db 0x0f, 0x01, 0xf8
        nop
        end_trial
        trial %1, {%2, "/mov from cr1"}
        db 0x0f, 0x20, 0xc8
        nop
        end_trial
        trial %1, {%2, "/mov to cr5"}
        db 0x0f, 0x22, 0xe8
        nop
        end_trial
        trial %1, {%2, "/mov from cr2"}
        db 0x0f, 0x20, 0xd0             ; mov eax, cr2
        nop
        end_trial
        trial %1, {%2, "/mov from cr4"}
        db 0x0f, 0x20, 0xe1             ; mov ecx, cr4
        nop
        end_trial
        trial %1, {%2, "/lock mov cr"}
        db 0xf0, 0x0f, 0x20, 0xc0       ; CR8 on some CPUs
        nop
        end_trial
%endmacro

%macro write_msr 4                      ; name, number, high, low
        trial LONG_0, {"msr/", %1}
        mov ecx, %2
        mov edx, %3
        mov eax, %4
        wrmsr
        nop
        end_trial
%endmacro
; MSRs for SYSENTER and SYSCALL, from 32-bit code.
%macro set_msr 3                        ; number, high, low
        mov ecx, %1
        mov edx, %2
        mov eax, %3
        wrmsr
%endmacro

        bits 32
main:
        privileged_in REAL, "real"
        privileged_in V86, "v86"
        privileged_in PROTECTED32_0, "pm32.0"
        privileged_in PROTECTED32_1, "pm32.1"
        privileged_in PROTECTED32_3, "pm32.3"
        privileged_in COMPAT32_3, "compat32.3"
        privileged_in LONG_0, "long.0"
        privileged_in LONG_3, "long.3"
        trial PROTECTED32_3, "pm32.3/hlt"
        hlt
        end_trial
        trial LONG_3, "long.3/hlt"
        hlt
        end_trial
        trial V86, "v86/hlt"
        hlt
        end_trial

; I/O permission bitmap: bits of TSS32's bitmap cleared for PORT only. One cell per width and port.
        mov byte [tss32_bitmap + PORT / 8], ~(1 << (PORT & 7)) & 0xff
        trial PROTECTED32_3, "bitmap/byte, allowed"
        in al, PORT
        end_trial
        trial PROTECTED32_3, "bitmap/byte, the next one"
        in al, PORT + 1
        end_trial
        trial PROTECTED32_3, "bitmap/word, half of it allowed"
        in ax, PORT
        end_trial
        trial V86, "bitmap/v86, allowed"
        in al, PORT
        end_trial
        with_flags FLAG_IOPL3
        trial V86, "bitmap/v86, forbidden in spite of IOPL 3"
        in al, PORT + 1
        end_trial
        mov byte [tss32_bitmap + PORT / 8], 0xff
        mov word [tss32 + 0x66], 0xffff
        trial PROTECTED32_3, "bitmap/base beyond the limit"
        in al, PORT
        end_trial
        mov word [tss32 + 0x66], tss32_bitmap - tss32
        mov dword [tss32_bitmap + IO_BITMAP_BYTES - 4], 0
        with edx, IO_BITMAP_BYTES * 8 - 1
        trial PROTECTED32_3, "bitmap/last port of it, word"
        in ax, dx
        end_trial
        with edx, IO_BITMAP_BYTES * 8 + 16
        trial PROTECTED32_3, "bitmap/port beyond the limit"
        in al, dx
        end_trial
        mov dword [tss32_bitmap + IO_BITMAP_BYTES - 4], 0xffffffff

; Control registers; what may not be written to them: control.asm.
        trial LONG_0, "cr/cr0 in 64-bit mode"
        mov rcx, cr0
        end_trial
        trial LONG_0, "cr/cr9"
        db 0x44, 0x0f, 0x20, 0xc8
        nop
        end_trial

; MSRs.
        write_msr "EFER, reserved bit", MSR_EFER, 0, 0x502
        write_msr "EFER, LME off with paging", MSR_EFER, 0, 0
        write_msr "EFER, LMA is not writable", MSR_EFER, 0, EFER_LME
        write_msr "EFER, upper half", MSR_EFER, 1, 0x500
        write_msr "FS base not canonical", MSR_FS_BASE, 0x8000, 0
        write_msr "GS base not canonical", MSR_GS_BASE, 0x8000, 0
        write_msr "kernel GS base not canonical", MSR_KERNEL_GS, 0x8000, 0
        write_msr "LSTAR not canonical", MSR_LSTAR, 0x8000, 0
        write_msr "SYSENTER_EIP not canonical", MSR_SYSENTER_EIP, 0x8000, 0
        write_msr "SYSENTER_ESP not canonical", MSR_SYSENTER_ESP, 0x8000, 0
        write_msr "FS base canonical", MSR_FS_BASE, 0xffff8000, 0
        trial LONG_0, "msr/EFER reads"
        mov ecx, MSR_EFER
        rdmsr
        end_trial
        trial LONG_0, "msr/fs base is used"
        mov ecx, MSR_FS_BASE
        mov edx, 0
        mov eax, gdt
        wrmsr
        mov rbx, [fs:CODE32]
        mov eax, 0
        end_trial
        trial LONG_0, "msr/loading fs replaces its base"
        mov ecx, MSR_FS_BASE
        mov edx, 0
        mov eax, gdt
        wrmsr
        mov ax, DATA32
        mov fs, ax
        mov ecx, MSR_FS_BASE
        rdmsr
        end_trial
        trial LONG_0, "msr/swapgs"
        mov ecx, MSR_KERNEL_GS
        mov edx, 0x1234
        mov eax, 0x5678
        wrmsr
        mov ecx, MSR_GS_BASE
        mov edx, 0
        mov eax, 0x9abc
        wrmsr
        swapgs
        rdmsr
        mov ebx, eax
        mov esi, edx
        swapgs
        rdmsr
        end_trial

; SYSENTER and SYSEXIT. SYSENTER_CS = 8: CODE32, DATA32; back to what lies 16 and 24 above it: FAST_CODE ... FAST_STACK.
        set_msr MSR_SYSENTER_CS, 0, FREE
        set_msr MSR_SYSENTER_ESP, 0, RING0_SP
        set_descriptor FREE, 0, 0xfffff, 0x9b, 0xc
        set_descriptor FREE + 8, 0, 0xfffff, 0x93, 0xc
        set_descriptor FREE + 16, 0, 0xfffff, 0xfb, 0xc
        set_descriptor FREE + 24, 0, 0xfffff, 0xf3, 0xc
        set_descriptor FREE + 32, 0, 0xfffff, 0xfb, 0xa
        set_descriptor FREE + 40, 0, 0xfffff, 0xf3, 0xc
        set_msr MSR_SYSENTER_EIP, 0, fast_entry
        jmp after_entry
fast_entry:
        pushfd
        pop edx
        ud2
        bits 64
fast_entry_64:
        pushfq
        pop rdx
        ud2
        bits 32
after_entry:
        with_flags FLAG_IF | FLAG_CF | FLAG_AC
        check "sysenter/from CPL 3"
        run PROTECTED32_3
        sysenter
        end_run
        call report_entry
        check "sysenter/from CPL 0"
        run PROTECTED32_0
        sysenter
        end_run
        call report_entry
        check "sysenter/from virtual-8086 mode"
        run V86
        sysenter
        end_run
        call report_entry
        check "sysenter/from 16-bit code"
        run PROTECTED16_3
        sysenter
        end_run
        call report_entry
        set_msr MSR_SYSENTER_CS, 0, FREE | 3
        check "sysenter/RPL in the MSR"
        run PROTECTED32_3
        sysenter
        end_run
        call report_entry
        set_msr MSR_SYSENTER_CS, 0, FREE
        set_msr MSR_SYSENTER_EIP, 0, fast_entry_64
        set_descriptor FREE, 0, 0xfffff, 0x9b, 0xa
        check "sysenter/from 64-bit mode"
        run LONG_3
        sysenter
        end_run
        call report_entry
        set_msr MSR_SYSENTER_EIP, 0, fast_entry
        trial PROTECTED32_0, "sysexit/to CPL 3"
        mov ecx, TRIAL_SP - 0x10
        mov edx, .there
        sysexit
.there: mov edx, 0
        end_trial
        trial PROTECTED32_1, "sysexit/at CPL 1"
        sysexit
        end_trial
        trial LONG_0, "sysexit/to compatibility mode"
        mov ecx, TRIAL_SP - 0x10
        mov edx, .there
        db 0x0f, 0x35
.there: mov edx, 0
        end_trial
        trial LONG_0, "sysexit/to 64-bit mode"
        mov ecx, TRIAL_SP - 0x10
        mov edx, .there
        db 0x48, 0x0f, 0x35
.there: mov edx, 0
        end_trial
        trial LONG_0, "sysexit/RIP not canonical"
        mov ecx, TRIAL_SP - 0x10
        mov rdx, 0x0000800000000000
        db 0x48, 0x0f, 0x35
        nop
        end_trial
        trial LONG_0, "sysexit/RSP not canonical"
        mov rcx, 0x0000800000000000
        mov edx, 0x8000
        db 0x48, 0x0f, 0x35
        nop
        end_trial

; SYSCALL and SYSRET.
        set_msr MSR_STAR, (FREE + 16) << 16 | CODE64, 0
        set_msr MSR_LSTAR, 0, fast_entry_64
        set_msr MSR_FMASK, 0, FLAG_CF | FLAG_IF
        with_efer EFER_SCE
        with_flags FLAG_IF | FLAG_CF | FLAG_ZF
        check "syscall/from CPL 3"
        run LONG_3
        syscall
        end_run
        call report_entry
        with_efer EFER_SCE
        with_flags FLAG_OF | FLAG_AC
        check "syscall/from CPL 0"
        run LONG_0
        syscall
        end_run
        call report_entry
        with_efer EFER_SCE
        trial LONG_0, "sysret/to 64-bit mode"
        mov rcx, .there
        mov r11d, FLAG_CF | FLAG_ID | FLAG_RF | FLAG_VM
        db 0x48, 0x0f, 0x07
.there: mov ecx, 0
        end_trial
        with_efer EFER_SCE
        trial LONG_0, "sysret/to compatibility mode"
        mov rcx, .there
        mov r11d, FLAG_ZF
        db 0x0f, 0x07
.there: mov ecx, 0
        end_trial
        with_efer EFER_SCE
        trial LONG_0, "sysret/RIP not canonical"
        mov rcx, 0x0000800000000000
        mov r11d, FLAG_ZF
        db 0x48, 0x0f, 0x07
        nop
        end_trial
        with_efer EFER_SCE
        trial LONG_3, "sysret/at CPL 3"
        db 0x48, 0x0f, 0x07
        nop
        end_trial
        with_efer EFER_SCE
        trial COMPAT32_3, "syscall/in compatibility mode"
        syscall
        nop
        end_trial
        set_msr MSR_SYSENTER_CS, 0, 0
        finish

; Where a fast call arrived: the UD2 of one of the entries is the event.
report_entry:
        cmp dword [rec_vector], 6
        jne .other
        cmp dword [rec_ip], fast_entry
        jb .other
        cmp dword [rec_ip], after_entry
        ja .other
        puts "entered cs="
        putx 4, [rec_cs]
        puts " ss="
        putx 4, [rec_ss]
        puts " sp="
        mov esi, rec_regs + REG_esp * 8
        call put_qword
        puts " flags "
        putx 8, [rec_regs + REG_edx * 8]
        puts " cx="
        mov eax, [rec_regs + REG_ecx * 8]
        cmp eax, [trial_start]
        jb .cx
        cmp eax, [trial_end]
        ja .cx
        sub eax, [trial_start]                  ; SYSCALL's return address
.cx:    putx 8, eax
        puts " r11="
        putx 8, [rec_regs + 11 * 8]
        end_check
        ret
.other: call report_trial
        end_check
        ret
