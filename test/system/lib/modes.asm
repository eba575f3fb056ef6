; The modes a snippet can run in, and the ways into them. From 32-bit code at CPL 0:
;
;     start_trial -> by the kind of mode: IRET in protected mode (a frame with VM for virtual-8086 mode); CR0.PE cleared,
;     then IRET; long mode switched on, then IRETQ  -> snippet -> catch.asm -> finish_trial -> [trial_after]

KIND_PROTECTED  equ 0
KIND_REAL       equ 1
KIND_LONG       equ 2

; A row of the table of modes.
MODE_CS         equ 0           ; word
MODE_SS         equ 2           ; word; DS, ES, FS and GS are loaded with it too
MODE_KIND       equ 4           ; byte
MODE_BITS       equ 5           ; byte
MODE_FLAGS      equ 6           ; dword
MODE_BYTES      equ 10

%macro mode 5                   ; name, CS, SS, kind, bits
%assign %1 MODE_INDEX << 8 | %5
        dw %2, %3
        db %4, %5
        dd 2
%assign MODE_INDEX MODE_INDEX + 1
%endmacro
%macro modes_of_rings 4         ; name without the ring, CODEnn, DATAnn, kind and bits
        mode %{1}0, %2, %3, %4
        mode %{1}1, %2 + RING | 1, %3 + RING | 1, %4
        mode %{1}2, %2 + 2 * RING | 2, %3 + 2 * RING | 2, %4
        mode %{1}3, %2 + 3 * RING | 3, %3 + 3 * RING | 3, %4
%endmacro

%assign MODE_INDEX 0
        align 4
modes:
        mode REAL, 0, 0, KIND_REAL, 16
        mode V86, 0, 0, KIND_PROTECTED, 16
        modes_of_rings PROTECTED16_, CODE16, DATA16, {KIND_PROTECTED, 16}
        modes_of_rings PROTECTED32_, CODE32, DATA32, {KIND_PROTECTED, 32}
        modes_of_rings COMPAT16_, CODE16, DATA16, {KIND_LONG, 16}
        modes_of_rings COMPAT32_, CODE32, DATA32, {KIND_LONG, 32}
        mode LONG_0, CODE64, DATA32, KIND_LONG, 64
        mode LONG_1, CODE64 + 8 | 1, DATA32 + RING | 1, KIND_LONG, 64
        mode LONG_2, CODE64 + 16 | 2, DATA32 + 2 * RING | 2, KIND_LONG, 64
        mode LONG_3, CODE64 + 24 | 3, DATA32 + 3 * RING | 3, KIND_LONG, 64
V86_ROW         equ modes + (V86 >> 8) * MODE_BYTES

; What the next trial starts with; `with` and its like (macros.asm) change it, finish_trial puts the defaults back.
        variable trial_regs, 16 * 8
        variable trial_flags, 4         ; beside bit 1
        variable trial_cr0, 4           ; beside CR0_DEFAULT
        variable trial_cr4, 4
        variable trial_efer, 4
        variable trial_sp, 4
; Where it is: row of `modes`, first byte, byte behind the last, where to go on in 32-bit code.
        variable trial_mode, 4
        variable trial_start, 4
        variable trial_end, 4
        variable trial_after, 4
; As it ran: the address it ran at, that of the UD2 behind it, the selectors and registers it began with.
        variable trial_ip, 4
        variable trial_stop, 4
        variable trial_cs, 4
        variable trial_ss, 4
        variable used_regs, 16 * 8      ; with SP
        variable main_esp, 4

REG_eax         equ 0
REG_ecx         equ 1
REG_edx         equ 2
REG_ebx         equ 3
REG_esp         equ 4
REG_ebp         equ 5
REG_esi         equ 6
REG_edi         equ 7

        bits 32
; Registers whose change shows.
reset_trial:
        mov ecx, 16
        mov eax, 0x0a0a0000
        mov edi, trial_regs
.reg:   mov [edi], eax
        mov dword [edi + 4], 0
        add edi, 8
        add eax, 0x00010001
        loop .reg
        xor eax, eax
        mov [trial_flags], eax
        mov [trial_cr0], eax
        mov [trial_cr4], eax
        mov [trial_efer], eax
        mov dword [trial_sp], TRIAL_SP
        ret

start_trial:
        pushad
        mov [main_esp], esp
        cld
        call clear_record
        mov esi, trial_regs
        mov edi, used_regs
        mov ecx, 16 * 2
        rep movsd
        mov eax, [trial_sp]
        mov [used_regs + REG_esp * 8], eax
        mov dword [used_regs + REG_esp * 8 + 4], 0
        mov ebx, [trial_mode]
        movzx eax, word [ebx + MODE_CS]
        mov [trial_cs], eax
        movzx eax, word [ebx + MODE_SS]
        mov [trial_ss], eax
        mov esi, [trial_start]
        mov [trial_ip], esi
        cmp byte [ebx + MODE_BITS], 16
        jne .placed
        mov ecx, [trial_end]
        sub ecx, esi
        add ecx, 2                              ; the UD2
        mov edi, SNIPPET
        mov [trial_ip], edi
        rep movsb
.placed:
        mov eax, [trial_end]
        sub eax, [trial_start]
        add eax, [trial_ip]
        mov [trial_stop], eax
        xor eax, eax
        mov cr2, eax
        mov eax, 0xffff0ff0
        mov dr6, eax
        cmp byte [ebx + MODE_KIND], KIND_REAL
        je start_real
        cmp byte [ebx + MODE_KIND], KIND_LONG
        je start_long

start_protected:
        lidt [idt32_pointer]
        mov byte [gdt + TSS32 + 5], 0x89        ; available again
        mov ax, TSS32
        ltr ax
        mov ecx, [trial_ss]
        cmp ebx, V86_ROW
        je .v86
        test byte [trial_cs], 3
        jnz .outer
        mov ss, cx
        mov esp, [trial_sp]
        mov edx, [trial_flags]
        jmp .frame
.v86:   mov esp, RING0_SP
        push ecx                                ; GS FS DS ES
        push ecx
        push ecx
        push ecx
        mov edx, [trial_flags]
        or edx, FLAG_VM
        jmp .stack
.outer: mov esp, RING0_SP
        mov edx, [trial_flags]
.stack: push ecx
        push dword [trial_sp]
.frame: or edx, 2
        push edx
        push dword [trial_cs]
        push dword [trial_ip]
        mov eax, [trial_cr4]
        mov cr4, eax
        mov eax, [trial_cr0]
        or eax, CR0_DEFAULT | CR0_PE
        mov cr0, eax
        mov es, cx
        mov fs, cx
        mov gs, cx
        mov eax, [trial_regs + REG_eax * 8]
        mov ecx, [trial_regs + REG_ecx * 8]
        mov edx, [trial_regs + REG_edx * 8]
        mov ebx, [trial_regs + REG_ebx * 8]
        mov ebp, [trial_regs + REG_ebp * 8]
        mov esi, [trial_regs + REG_esi * 8]
        mov edi, [trial_regs + REG_edi * 8]
        mov ds, [cs:trial_ss]
        iretd

start_real:
        lidt [ivt_pointer]
        jmp CODE16:.narrow
        bits 16
.narrow:
        mov ax, DATA16                          ; limit FFFF, as real mode expects it
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov edx, [trial_cr4]
        mov cr4, edx
        mov eax, [trial_cr0]
        or eax, CR0_DEFAULT
        mov cr0, eax
        jmp 0:.real
.real:  xor ax, ax
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov esp, [trial_sp]
        mov eax, [trial_flags]
        or ax, 2
        push ax
        push word 0
        push word [trial_ip]
        mov eax, [trial_regs + REG_eax * 8]
        mov ecx, [trial_regs + REG_ecx * 8]
        mov edx, [trial_regs + REG_edx * 8]
        mov ebx, [trial_regs + REG_ebx * 8]
        mov ebp, [trial_regs + REG_ebp * 8]
        mov esi, [trial_regs + REG_esi * 8]
        mov edi, [trial_regs + REG_edi * 8]
        iret

        bits 32
start_long:
        mov eax, [trial_cr4]
        or eax, CR4_PAE
        mov cr4, eax
        mov eax, PAGE_TABLES
        mov cr3, eax
        mov ecx, MSR_EFER
        xor edx, edx
        mov eax, [trial_efer]
        or eax, EFER_LME
        wrmsr
        mov eax, [trial_cr0]
        or eax, CR0_DEFAULT | CR0_PE | CR0_PG
        mov cr0, eax
        lidt [idt64_pointer]
        mov byte [gdt + TSS64 + 5], 0x89
        mov ax, TSS64
        ltr ax
        jmp CODE64:.long
        bits 64
.long:  lidt [idt64_pointer]
        mov ecx, [trial_ss]
        mov esp, RING0_SP
        push rcx
        mov edx, [trial_sp]
        push rdx
        mov edx, [trial_flags]
        or edx, 2
        push rdx
        mov edx, [trial_cs]
        push rdx
        mov edx, [trial_ip]
        push rdx
        mov ds, cx
        mov es, cx
        mov fs, cx
        mov gs, cx
        mov rax, [trial_regs + REG_eax * 8]
        mov rcx, [trial_regs + REG_ecx * 8]
        mov rdx, [trial_regs + REG_edx * 8]
        mov rbx, [trial_regs + REG_ebx * 8]
        mov rbp, [trial_regs + REG_ebp * 8]
        mov rsi, [trial_regs + REG_esi * 8]
        mov rdi, [trial_regs + REG_edi * 8]
        mov r8, [trial_regs + 8 * 8]
        mov r9, [trial_regs + 9 * 8]
        mov r10, [trial_regs + 10 * 8]
        mov r11, [trial_regs + 11 * 8]
        mov r12, [trial_regs + 12 * 8]
        mov r13, [trial_regs + 13 * 8]
        mov r14, [trial_regs + 14 * 8]
        mov r15, [trial_regs + 15 * 8]
        iretq

; Where every catcher ends up: 32-bit code at CPL 0, paging off. Everything back as main left it.
        bits 32
finish_trial:
        mov ax, DATA32
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov esp, [main_esp]
        mov eax, cr2
        mov [rec_cr2], eax
        mov eax, dr6
        mov [rec_dr6], eax
        xor eax, eax
        mov dr7, eax
        mov edx, CR0_DEFAULT | CR0_PE
        mov cr0, edx                            ; paging off before what selects its mode changes
        mov cr4, eax
        lgdt [gdt_pointer]
        lidt [idt32_pointer]
        xor eax, eax
        lldt ax
        cld
        fninit
        and dword [rec_segments + 4], 0xffff    ; DS was popped as a dword
        call reset_trial
        popad
        jmp [trial_after]
