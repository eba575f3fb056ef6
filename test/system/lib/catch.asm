; The catchers: where every vector of every mode leads. They note what was pushed and what the registers hold, go to
; protected mode and on to finish_trial (modes.asm).

; What was observed. Registers that do not exist in the mode are 0.
        variable record, 0
        variable rec_regs, 16 * 8       ; in the order of their numbers; SP is what was pushed, or its value before the push
        variable rec_ip, 8
        variable rec_flags, 8
        variable rec_vector, 4
        variable rec_code, 4
        variable rec_has_code, 4
        variable rec_cs, 4
        variable rec_ss, 4
        variable rec_segments, 16       ; ES DS FS GS: what was pushed in virtual-8086 mode, else what they hold
        variable rec_handler_cs, 4
        variable rec_handler_ss, 4
        variable rec_handler_sp, 8      ; on arrival
        variable rec_handler_flags, 4
        variable rec_changed_stack, 4   ; SS:SP was pushed
        variable rec_cr2, 4
        variable rec_dr6, 4
        variable record_end, 0

; Vectors that push an error code. SDM vol 3A "Error Code".
VECTORS_WITH_CODE equ 1 << 8 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 17 | 1 << 21

CATCH16_STUB    equ 3
CATCH32_STUB    equ 5
CATCH64_STUB    equ 5

        bits 16
catch16_stubs:
        times 256 call catch16
        bits 32
catch32_stubs:
        times 256 call catch32
        bits 64
catch64_stubs:
        times 256 call catch64

        bits 32
clear_record:
        mov edi, record
        mov ecx, record_end - record
        xor eax, eax
        rep stosb
        ret

; Real mode: IP, CS, FLAGS.
        bits 16
catch16:
        mov [cs:rec_regs + REG_eax * 8], eax
        mov [cs:rec_regs + REG_ecx * 8], ecx
        mov [cs:rec_regs + REG_edx * 8], edx
        mov [cs:rec_regs + REG_ebx * 8], ebx
        mov [cs:rec_regs + REG_ebp * 8], ebp
        mov [cs:rec_regs + REG_esi * 8], esi
        mov [cs:rec_regs + REG_edi * 8], edi
        mov [cs:rec_segments], es
        mov [cs:rec_segments + 4], ds
        mov [cs:rec_segments + 8], fs
        mov [cs:rec_segments + 12], gs
        mov [cs:rec_handler_cs], cs
        mov [cs:rec_handler_ss], ss
        mov [cs:rec_ss], ss
        xor ax, ax
        mov ds, ax
        pop ax
        sub ax, catch16_stubs + CATCH16_STUB
        xor dx, dx
        mov bx, CATCH16_STUB
        div bx
        mov [rec_vector], ax
        mov [rec_handler_sp], esp
        pop word [rec_ip]
        pop word [rec_cs]
        pop word [rec_flags]
        mov [rec_regs + REG_esp * 8], esp
        lgdt [gdt_pointer]
        mov eax, CR0_DEFAULT | CR0_PE
        mov cr0, eax
        jmp dword CODE32:finish_trial

; Protected and virtual-8086 mode, through gates of 32 bits. SS may be one of 16 bits.
        bits 32
catch32:
        push eax
        push ds
        mov ax, DATA32
        mov ds, ax
        pop dword [rec_segments + 4]
        pop dword [rec_regs + REG_eax * 8]
        mov [rec_regs + REG_ecx * 8], ecx
        mov [rec_regs + REG_edx * 8], edx
        mov [rec_regs + REG_ebx * 8], ebx
        mov [rec_regs + REG_ebp * 8], ebp
        mov [rec_regs + REG_esi * 8], esi
        mov [rec_regs + REG_edi * 8], edi
        mov [rec_segments], es
        mov [rec_segments + 8], fs
        mov [rec_segments + 12], gs
        mov [rec_handler_cs], cs
        mov [rec_handler_ss], ss
        pushfd
        pop dword [rec_handler_flags]
        cld
        mov edx, esp
        mov ax, ss
        lar ecx, eax
        test ecx, 1 << 22                       ; B
        jnz .wide
        movzx edx, dx
.wide:  mov eax, [ss:edx]
        sub eax, catch32_stubs + CATCH32_STUB
        push edx
        xor edx, edx
        mov ecx, CATCH32_STUB
        div ecx
        pop edx
        mov [rec_vector], eax
        add edx, 4
        mov [rec_handler_sp], edx

; INT n pushes no code, not even with these vectors: then CS is the second thing on the stack.
        cmp eax, 31
        ja .frame
        mov ecx, VECTORS_WITH_CODE
        bt ecx, eax
        jnc .frame
        movzx ecx, word [ss:edx + 4]
        cmp ecx, [trial_cs]
        je .frame
        mov eax, [ss:edx]
        mov [rec_code], eax
        mov dword [rec_has_code], 1
        add edx, 4
.frame: mov eax, [ss:edx]
        mov [rec_ip], eax
        movzx eax, word [ss:edx + 4]
        mov [rec_cs], eax
        mov ecx, [ss:edx + 8]
        mov [rec_flags], ecx
        test ecx, FLAG_VM
        jnz .v86
        mov bx, cs
        xor eax, ebx
        test al, 3
        jnz .outer
        lea eax, [edx + 12]
        mov [rec_regs + REG_esp * 8], eax
        mov [rec_ss], ss
        jmp finish_trial
.v86:   movzx eax, word [ss:edx + 20]
        mov [rec_segments], eax
        movzx eax, word [ss:edx + 24]
        mov [rec_segments + 4], eax
        movzx eax, word [ss:edx + 28]
        mov [rec_segments + 8], eax
        movzx eax, word [ss:edx + 32]
        mov [rec_segments + 12], eax
.outer: mov eax, [ss:edx + 12]
        mov [rec_regs + REG_esp * 8], eax
        movzx eax, word [ss:edx + 16]
        mov [rec_ss], eax
        mov dword [rec_changed_stack], 1
        jmp finish_trial

; Long mode: RIP, CS, RFLAGS, RSP, SS, always.
        bits 64
catch64:
        mov [rec_regs + REG_eax * 8], rax
        mov [rec_regs + REG_ecx * 8], rcx
        mov [rec_regs + REG_edx * 8], rdx
        mov [rec_regs + REG_ebx * 8], rbx
        mov [rec_regs + REG_ebp * 8], rbp
        mov [rec_regs + REG_esi * 8], rsi
        mov [rec_regs + REG_edi * 8], rdi
        mov [rec_regs + 8 * 8], r8
        mov [rec_regs + 9 * 8], r9
        mov [rec_regs + 10 * 8], r10
        mov [rec_regs + 11 * 8], r11
        mov [rec_regs + 12 * 8], r12
        mov [rec_regs + 13 * 8], r13
        mov [rec_regs + 14 * 8], r14
        mov [rec_regs + 15 * 8], r15
        mov [rec_segments], es
        mov [rec_segments + 4], ds
        mov [rec_segments + 8], fs
        mov [rec_segments + 12], gs
        mov [rec_handler_cs], cs
        mov [rec_handler_ss], ss
        pushfq
        pop qword [rec_flags]
        mov eax, [rec_flags]
        mov [rec_handler_flags], eax
        cld
        pop rax
        sub eax, catch64_stubs + CATCH64_STUB
        xor edx, edx
        mov ecx, CATCH64_STUB
        div ecx
        mov [rec_vector], eax
        mov [rec_handler_sp], rsp
        cmp eax, 31
        ja .frame
        mov ecx, VECTORS_WITH_CODE
        bt ecx, eax
        jnc .frame
        mov rcx, [rsp + 8]
        cmp ecx, [trial_cs]
        je .frame
        pop rax
        mov [rec_code], eax
        mov dword [rec_has_code], 1
.frame: pop qword [rec_ip]
        pop rax
        mov [rec_cs], eax
        pop qword [rec_flags]
        pop qword [rec_regs + REG_esp * 8]
        pop rax
        mov [rec_ss], eax
        mov dword [rec_changed_stack], 1
        mov esp, RING0_SP
        jmp far dword [.compatibility]
.compatibility: dd leave_long
        dw CODE32

        bits 32
leave_long:
        mov ax, DATA32
        mov ds, ax
        mov ss, ax
        mov eax, cr4
        and eax, ~CR4_PCIDE                     ; it keeps paging on
        mov cr4, eax
        mov eax, CR0_DEFAULT | CR0_PE
        mov cr0, eax
        mov ecx, MSR_EFER
        xor eax, eax
        xor edx, edx
        wrmsr
        jmp finish_trial
