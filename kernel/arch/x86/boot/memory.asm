; The memory map from the firmware. Linux: arch/x86/boot/memory.c.

E820_SMAP               equ 0x534d4150          ; "SMAP"

detect_memory:
        call detect_e820
        call detect_e801
        mov ah, 0x88            ; KiB above 1 MiB, at most 64 MiB
        int 0x15
        jc .done
        mov [boot_params + SI_EXT_MEM_K], ax
.done:  ret

detect_e820:
        xor ebx, ebx            ; continuation
        mov di, boot_params + BP_E820_TABLE
.next:  push di
        mov eax, 0xe820
        mov edx, E820_SMAP
        mov ecx, 24             ; some firmware writes the ACPI 3 attributes too
        mov di, e820_buffer
        int 0x15
        pop di
        jc .done
        cmp eax, E820_SMAP      ; not what was asked for: no map at all is better than half of one
        jne .broken
        mov si, e820_buffer
        mov cx, E820_ENTRY_SIZE
        rep movsb
        inc byte [boot_params + BP_E820_ENTRIES]
        cmp byte [boot_params + BP_E820_ENTRIES], E820_MAX
        jae .done
        test ebx, ebx
        jnz .next
.done:  ret
.broken:
        mov byte [boot_params + BP_E820_ENTRIES], 0
        ret

detect_e801:
        xor ecx, ecx
        xor edx, edx
        mov ax, 0xe801
        int 0x15
        jc .done
        test cx, cx             ; some use CX and DX only
        jnz .configured
        test dx, dx
        jz .given
.configured:
        mov ax, cx
        mov bx, dx
.given: cmp ax, 15 * 1024       ; KiB from 1 to 16 MiB
        ja .done
        movzx eax, ax
        jb .store               ; a hole: what is above does not follow on
        movzx ebx, bx           ; 64 KiB blocks above 16 MiB
        shl ebx, 6
        add eax, ebx
.store: mov [boot_params + BP_ALT_MEM_K], eax
.done:  ret

; The place the kernel unpacks itself to must be memory.
check_memory:
        movzx cx, byte [boot_params + BP_E820_ENTRIES]
        mov si, boot_params + BP_E820_TABLE
        jcxz .none
.next:  cmp dword [si + 16], 1  ; memory
        jne .other
        cmp dword [si + 4], 0   ; starts below 4 GiB
        jne .other
        mov eax, KERNEL_PHYSICAL
        sub eax, [si]
        jb .other
        cmp dword [si + 12], 0
        jne .done
        add eax, INIT_SIZE
        cmp eax, [si + 8]
        jbe .done
.other: add si, E820_ENTRY_SIZE
        loop .next
.none:  mov si, memory_text
        jmp die
.done:  ret
