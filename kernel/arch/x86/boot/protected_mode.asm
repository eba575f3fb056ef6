; From real mode to the 32-bit entry point: flat segments, no interrupts, ESI at boot_params.
; Linux: arch/x86/boot/pm.c, pmjump.S.

BOOT_CS                 equ 0x10
BOOT_DS                 equ 0x18
BOOT_TSS                equ 0x20

go_to_protected_mode:
        cli
        mov al, 0x80
        out 0x70, al            ; no NMI
        call enable_a20
        xor al, al              ; numeric coprocessor: clear a pending error
        out 0xf0, al
        out 0xf1, al
        mov al, 0xff            ; all interrupt lines masked but the cascade
        out 0xa1, al
        mov al, 0xfb
        out 0x21, al

        xor ebx, ebx
        mov bx, ds
        shl ebx, 4              ; linear address of this segment
        add [gdt_pointer + 2], ebx
        add [jump_offset], ebx
        lea esi, [ebx + boot_params]
        mov edi, [code32_start]
        lidt [null_idt]
        o32 lgdt [gdt_pointer]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp .flush
.flush: mov cx, BOOT_DS
        mov dx, BOOT_TSS
        db 0x66, 0xea           ; jmp dword BOOT_CS:in_32_bits, with the linear offset filled in above
jump_offset:
        dd in_32_bits
        dw BOOT_CS

        bits 32
in_32_bits:
        mov ds, ecx
        mov es, ecx
        mov fs, ecx
        mov gs, ecx
        mov ss, ecx
        add esp, ebx            ; the same stack, seen from address 0
        ltr dx                  ; some virtualisation wants a valid TSS
        xor eax, eax
        lldt ax
        mov eax, edi
        xor ecx, ecx
        xor edx, edx
        xor ebx, ebx
        xor ebp, ebp
        xor edi, edi
        jmp eax
        bits 16

        align 8, db 0
boot_gdt:
        dq 0, 0
        dq 0x00cf9b000000ffff   ; BOOT_CS: code, 4 GiB
        dq 0x00cf93000000ffff   ; BOOT_DS: data, 4 GiB
        dq 0x0000890010000067   ; BOOT_TSS: at 1000h, never used
boot_gdt_end:
gdt_pointer:
        dw boot_gdt_end - boot_gdt - 1
        dd boot_gdt
null_idt:
        dw 0
        dd 0
