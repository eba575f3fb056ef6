; Every exception in every mode: vector, error code, saved IP and flags, bytes pushed.
%define IMAGE "exceptions"
%include "lib/system.asm"

; Segments for the checks, here because 16-bit code must reach what it names.
NOT_PRESENT     equ FREE                ; data, DPL 3
SMALL_DATA      equ FREE + 8            ; data, DPL 3, 256 bytes
NOT_PRESENT_SS  equ FREE + 16           ; + RING: with the DPL of each ring
        align 16
one:    dd 0x3f800000           ; 1.0
zero:   dd 0
x87_zero_divide: dw 0x037b              ; control word: #Z unmasked
mxcsr_zero_divide: dd 0x1d80
bounds16: dw 1, 2
bounds32: dd 1, 2
null_pointer: dw 0x3ff, 0, 0

; Whether the mode MODE_IN (a number) has some property.
%define IS_REAL         (MODE_IN >> 8) == (REAL >> 8)
%define IS_V86          (MODE_IN >> 8) == (V86 >> 8)
%define IS_PROTECTED    (MODE_IN >> 8) > (V86 >> 8)
%define IS_LONG         (MODE_IN >> 8) >= (COMPAT16_0 >> 8)
%define IS_USER         (MODE_IN >> 8) == (LONG_3 >> 8)
%define IS_64           (MODE_IN & 0xff) == 64
%define IS_16           (MODE_IN & 0xff) == 16

%macro exceptions_in 2                  ; mode, name
%assign MODE_IN %1
        trial MODE_IN, {%2, "/de div"}
        xor ecx, ecx
        div ecx
        end_trial
        trial MODE_IN, {%2, "/de div8 overflow"}
        mov ax, 0x0100
        mov cl, 1
        div cl
        end_trial
        trial MODE_IN, {%2, "/de idiv overflow"}
        mov edx, 0x40000000             ; 80000000 would end QEMU itself
        xor eax, eax
        mov ecx, -1
        idiv ecx
        end_trial
        trial MODE_IN, {%2, "/aam 0"}
        db 0xd4, 0
        end_trial
        with_flags FLAG_TF
        trial MODE_IN, {%2, "/db single-step"}
        nop
        nop
        end_trial
        trial MODE_IN, {%2, "/db int1"}
        nop
        db 0xf1
        nop
        end_trial
        trial MODE_IN, {%2, "/bp int3"}
        nop
        int3
        end_trial
        with_flags FLAG_OF
        trial MODE_IN, {%2, "/of into"}
        db 0xce
        end_trial
        trial MODE_IN, {%2, "/into without OF"}
        db 0xce
        end_trial
%if IS_64
%else
        trial MODE_IN, {%2, "/br bound below"}
        mov eax, 0
%if IS_16
        bound ax, [bounds16]
%else
        bound eax, [bounds32]
%endif
        end_trial
        trial MODE_IN, {%2, "/br bound above"}
        mov eax, 3
%if IS_16
        bound ax, [bounds16]
%else
        bound eax, [bounds32]
%endif
        end_trial
        trial MODE_IN, {%2, "/bound inside"}
        mov eax, 2
%if IS_16
        bound ax, [bounds16]
%else
        bound eax, [bounds32]
%endif
        end_trial
%endif
        trial MODE_IN, {%2, "/ud ud2"}
        nop
        ud2
        nop
        end_trial
        trial MODE_IN, {%2, "/ud lock nop"}
        db 0xf0, 0x90
        nop
        end_trial
        trial MODE_IN, {%2, "/ud mov to cs"}
        db 0x8e, 0xc8
        nop
        end_trial
        trial MODE_IN, {%2, "/ud lock on register"}
        db 0xf0, 0x01, 0xc0             ; lock add ax, ax
        nop
        end_trial
        trial MODE_IN, {%2, "/ud lea register"}
        db 0x8d, 0xc0
        nop
        end_trial
        trial MODE_IN, {%2, "/ud 0f ff"}
        db 0x0f, 0xff, 0xc0
        nop
        end_trial
        trial MODE_IN, {%2, "/ud sldt or not"}
        db 0x0f, 0x00, 0xc0             ; sldt ax
        end_trial
        trial MODE_IN, {%2, "/ud lar or not"}
        mov ax, DATA32
        lar bx, ax
        end_trial
        with_cr0 CR0_TS
        trial MODE_IN, {%2, "/nm x87 with TS"}
        fnop
        end_trial
        with_cr0 CR0_EM
        trial MODE_IN, {%2, "/nm x87 with EM"}
        fnop
        end_trial
        with_cr0 CR0_TS
        trial MODE_IN, {%2, "/wait with TS"}
        wait
        end_trial
        with_cr0 CR0_TS | CR0_MP
        trial MODE_IN, {%2, "/nm wait with TS and MP"}
        wait
        end_trial
        with_cr0 CR0_EM | CR0_MP
        trial MODE_IN, {%2, "/wait with EM"}
        wait
        end_trial
        with_cr0 CR0_TS
        with_cr4 CR4_OSFXSR
        trial MODE_IN, {%2, "/nm sse with TS"}
        xorps xmm0, xmm0
        end_trial
        with_cr0 CR0_EM
        with_cr4 CR4_OSFXSR
        trial MODE_IN, {%2, "/ud sse with EM"}
        xorps xmm0, xmm0
        end_trial
        trial MODE_IN, {%2, "/ud sse without OSFXSR"}
        xorps xmm0, xmm0
        end_trial
        trial MODE_IN, {%2, "/mf"}
        fninit
        fldcw [x87_zero_divide]
        fld dword [one]
        fdiv dword [zero]
        nop
        nop
        wait
        end_trial
        trial MODE_IN, {%2, "/mf at the next instruction"}
        fninit
        fldcw [x87_zero_divide]
        fld dword [one]
        fdiv dword [zero]
        fnop
        end_trial
        with_cr4 CR4_OSFXSR | CR4_OSXMMEXCPT
        trial MODE_IN, {%2, "/xm"}
        ldmxcsr [mxcsr_zero_divide]
        movss xmm0, [one]
        divss xmm0, [zero]
        nop
        end_trial
        with_cr4 CR4_OSFXSR
        trial MODE_IN, {%2, "/ud xm without OSXMMEXCPT"}
        ldmxcsr [mxcsr_zero_divide]
        movss xmm0, [one]
        divss xmm0, [zero]
        nop
        end_trial
        with_cr4 CR4_OSFXSR
        trial MODE_IN, {%2, "/gp movaps unaligned"}
        movaps xmm0, [one + 4]
        end_trial
        with_cr4 CR4_OSFXSR
        trial MODE_IN, {%2, "/gp ldmxcsr reserved"}
        push word 1
        push word 0
%if IS_64
        ldmxcsr [rsp]
%elif IS_16
        mov bp, sp
        ldmxcsr [bp]
%else
        ldmxcsr [esp]
%endif
        end_trial
        with_flags FLAG_AC
        with_cr0 CR0_AM
        trial MODE_IN, {%2, "/ac"}
        mov ecx, [one + 1]
        end_trial
        with_flags FLAG_AC
        trial MODE_IN, {%2, "/ac without AM"}
        mov cx, [null_pointer + 1]
        end_trial

; Limits and addresses.
%if IS_16
        trial MODE_IN, {%2, "/gp word at ffff"}
        mov bx, 0xffff
        mov cx, [bx]
        end_trial
        trial MODE_IN, {%2, "/byte at ffff"}
        mov bx, 0xffff
        cmp byte [bx], 0
        mov bx, 0
        mov eax, 0
        cmp al, al
        end_trial
        trial MODE_IN, {%2, "/gp dword at fffd"}
        mov bx, 0xfffd
        mov eax, [bx]
        end_trial
        trial MODE_IN, {%2, "/gp byte at 10000"}
        mov ebx, 0x10000
        mov al, [ebx]
        end_trial
        trial MODE_IN, {%2, "/ss word at ffff"}
        mov bp, 0xffff
        mov cx, [bp]
        end_trial
        trial MODE_IN, {%2, "/ss byte at 10000"}
        mov ebp, 0x10000
        mov al, [ebp]
        end_trial
        with_sp 0x5001
        trial MODE_IN, {%2, "/push at odd sp"}
        push ax
        end_trial
%elif IS_64
        trial MODE_IN, {%2, "/gp not canonical"}
        mov rbx, 0x0000800000000000
        mov al, [rbx]
        end_trial
        trial MODE_IN, {%2, "/gp not canonical, crossing"}
        mov rbx, 0x00007fffffffffff
        mov ax, [rbx]
        end_trial
        trial MODE_IN, {%2, "/ss not canonical"}
        mov rbp, 0x0000800000000000
        mov al, [rbp]
        end_trial
%if IS_USER
        trial MODE_IN, {%2, "/ss push not canonical"}
        mov rsp, 0x0000800000000000 + 8
        push rax
        end_trial
%endif
        trial MODE_IN, {%2, "/gp jmp not canonical"}
        mov rax, 0x0000800000000000
        jmp rax
        end_trial
        trial MODE_IN, {%2, "/gp ret not canonical"}
        mov rax, 0x0000800000000000
        push rax
        ret
        end_trial
        trial MODE_IN, {%2, "/pf read"}
        mov al, [0x60000000]
        end_trial
        trial MODE_IN, {%2, "/pf write"}
        mov [0x60000000], al
        end_trial
        trial MODE_IN, {%2, "/pf fetch"}
        mov eax, 0x60000000
        jmp rax
        end_trial
%else
        trial MODE_IN, {%2, "/gp small segment"}
        mov ax, SMALL_DATA
        mov fs, ax
        mov al, [fs:0x100]
        end_trial
        trial MODE_IN, {%2, "/gp small segment, crossing"}
        mov ax, SMALL_DATA
        mov fs, ax
        mov eax, [fs:0xfd]
        end_trial
        trial MODE_IN, {%2, "/small segment, last dword"}
        mov ax, SMALL_DATA
        mov fs, ax
        cmp eax, [fs:0xfc]
        xor eax, eax
        end_trial
%if IS_LONG
        trial MODE_IN, {%2, "/pf read"}
        mov al, [0x60000000]
        end_trial
        trial MODE_IN, {%2, "/pf write"}
        mov [0x60000000], al
        end_trial
        trial MODE_IN, {%2, "/pf fetch"}
        mov eax, 0x60000000
        jmp eax
        end_trial
%endif
%endif

%if IS_PROTECTED
        trial MODE_IN, {%2, "/gp selector beyond the GDT"}
        mov ax, GDT_BYTES
        mov es, ax
        end_trial
        trial MODE_IN, {%2, "/gp selector beyond the LDT"}
        mov ax, 0x47
        mov gs, ax
        end_trial
        trial MODE_IN, {%2, "/np"}
        mov ax, NOT_PRESENT
        mov ds, ax
        end_trial
        trial MODE_IN, {%2, "/ss not present"}
        mov ax, ss
        and ax, 3
        mov cx, ax
        shl ax, 3
        add ax, NOT_PRESENT_SS
        or ax, cx
        mov ss, ax
        end_trial
        trial MODE_IN, {%2, "/ss null"}
        xor eax, eax
        mov ss, ax
        end_trial
%if IS_64
%else
        trial MODE_IN, {%2, "/gp null ds"}
        xor eax, eax
        mov ds, ax
        mov cl, [0x1000]
        end_trial
%endif
%endif
        trial MODE_IN, {%2, "/gp 15 bytes"}
        times 15 db 0x66
        nop
        end_trial
        trial MODE_IN, {%2, "/14 prefixes"}
        times 14 db 0x66
        nop
        end_trial
%endmacro

; INT n for every n that has an exception, and some above.
%macro software_interrupts_in 2
%assign INTERRUPT 0
%rep 34
        begin_check
        puts {%2, "/int "}
        putx 2, INTERRUPT
        end_name
        run %1
        int INTERRUPT
        end_run
        call report_trial
        end_check
%assign INTERRUPT INTERRUPT + 1
%endrep
        trial %1, {%2, "/int 80"}
        int 0x80
        end_trial
        trial %1, {%2, "/int ff"}
        int 0xff
        end_trial
%endmacro

        bits 32
main:
        set_descriptor NOT_PRESENT, 0, 0xfffff, 0x73, 0xc
        set_descriptor SMALL_DATA, 0, 0xff, 0xf3, 0x4
        set_descriptor NOT_PRESENT_SS, 0, 0xfffff, 0x13, 0xc
        set_descriptor NOT_PRESENT_SS + 8, 0, 0xfffff, 0x33, 0xc
        set_descriptor NOT_PRESENT_SS + 16, 0, 0xfffff, 0x53, 0xc
        set_descriptor NOT_PRESENT_SS + 24, 0, 0xfffff, 0x73, 0xc
        exceptions_in REAL, "real"
        exceptions_in PROTECTED16_0, "pm16.0"
        exceptions_in PROTECTED16_3, "pm16.3"
        exceptions_in PROTECTED32_0, "pm32.0"
        exceptions_in PROTECTED32_1, "pm32.1"
        exceptions_in PROTECTED32_3, "pm32.3"
        exceptions_in V86, "v86"
        exceptions_in COMPAT16_3, "compat16.3"
        exceptions_in COMPAT32_0, "compat32.0"
        exceptions_in COMPAT32_3, "compat32.3"
        exceptions_in LONG_0, "long.0"
        exceptions_in LONG_3, "long.3"
        software_interrupts_in REAL, "real"
        software_interrupts_in PROTECTED16_3, "pm16.3"
        software_interrupts_in PROTECTED32_0, "pm32.0"
        software_interrupts_in COMPAT32_3, "compat32.3"
        software_interrupts_in LONG_3, "long.3"
        finish
