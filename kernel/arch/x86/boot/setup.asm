; The real-mode part of the kernel: asks the firmware about memory, keyboard and screen, and switches to protected mode.
; The boot loader has read it to any segment below 640 KiB and jumps to 200h behind it with DS at its start.
;
;     0000  boot sector, setup header        header.asm
;     ....  this code
;     ....  boot_params and buffers          zeroed by us
;     ....  heap, stack                      up to heap_end_ptr + 200h
;
; Linux: arch/x86/boot/header.S, main.c.
        bits 16
        org 0

%include "boot_params.asm"
%include "header.asm"

STACK_SIZE              equ 1024

start_of_setup:
        cld
        cli
        mov ax, ds
        mov es, ax
        mov dx, setup_end + STACK_SIZE
        test byte [loadflags], CAN_USE_HEAP
        jz .stack
        mov dx, [heap_end_ptr]
        add dx, 0x200
        jnc .stack
        xor dx, dx              ; the end of the segment
.stack: and dx, 0xfffc
        mov ss, ax
        movzx esp, dx
        sti
        push ds                 ; CS = DS from here on
        push .here
        retf
.here:  xor eax, eax            ; the zeroed part
        mov di, bss_start
        mov cx, (setup_end - bss_start + 3) / 4
        rep stosd
        mov si, header          ; keep what the boot loader told us
        mov di, boot_params + BP_HEADER
        mov cx, header_end - header
        rep movsb

        call check_cpu
        call init_keyboard
        call detect_memory
        call check_memory
        call set_video
        jmp go_to_protected_mode

; Long mode, and what 64-bit code takes for granted.
check_cpu:
        pushfd                  ; CPUID is there if the ID flag can be changed
        pop eax
        mov ecx, eax
        xor eax, 1 << 21
        push eax
        popfd
        pushfd
        pop eax
        push ecx
        popfd
        xor eax, ecx
        test eax, 1 << 21
        jz .too_old
        mov eax, 1
        cpuid
        and edx, REQUIRED_FEATURES
        cmp edx, REQUIRED_FEATURES
        jne .too_old
        mov eax, 0x80000000
        cpuid
        cmp eax, 0x80000001
        jb .too_old
        mov eax, 0x80000001
        cpuid
        test edx, 1 << 29       ; long mode
        jz .too_old
        ret
.too_old:
        mov si, cpu_text
        jmp die

; FPU, PSE, MSR, PAE, CX8, PGE, CMOV, FXSR, SSE, SSE2. Linux: arch/x86/include/asm/required-features.h.
REQUIRED_FEATURES       equ (1 << 0) | (1 << 3) | (1 << 5) | (1 << 6) | (1 << 8) | (1 << 13) | (1 << 15) | (1 << 24) \
                            | (1 << 25) | (1 << 26)

; Lock keys for the kernel; fastest repeat.
init_keyboard:
        mov ah, 0x02
        int 0x16
        mov [boot_params + BP_KBD_STATUS], al
        mov ax, 0x0305
        xor bx, bx
        int 0x16
        ret

; Prints the string at SI.
print:  lodsb
        test al, al
        jz .done
        mov ah, 0x0e
        mov bx, 0x0007
        int 0x10
        jmp print
.done:  ret

die:    call print
.halt:  hlt
        jmp .halt

%include "memory.asm"
%include "cmdline.asm"
%include "video.asm"
%include "a20.asm"
%include "protected_mode.asm"

version_text:           db KERNEL_VERSION, 0
cpu_text:               db "This kernel requires an x86-64 CPU, but only detected an older one.", 13, 10
                        db "Unable to boot - please use a kernel appropriate for your CPU.", 13, 10, 0
memory_text:            db "Not enough memory to load the kernel.", 13, 10, 0
a20_text:               db "A20 gate not responding, unable to boot...", 13, 10, 0

setup_code_end:
        align 16, db 0
bss_start:
boot_params:            resb BOOT_PARAMS_SIZE
e820_buffer:            resb 24
vbe_info:               resb 512
vbe_mode_info:          resb 256
setup_end:
