; INT 11h equipment, INT 12h low memory, INT 15h system services: memory map, A20 gate, block move above 1 MiB.

int11_equipment:
        push ds
        push BDA
        pop ds
        mov ax, [BDA_EQUIPMENT]
        pop ds
        iret

int12_memory:
        push ds
        push BDA
        pop ds
        mov ax, [BDA_MEMORY]
        pop ds
        iret

int15_system:
        SERVICE
        SUCCEED
        mov si, int15_calls
        call dispatch
        RETURN

int15_calls:
        CALL_ROW 0x24, a20_gate
        CALL_ROW 0x87, block_move
        CALL_ROW 0x88, extended_memory
        CALL_ROW 0xc0, get_configuration
        CALL_ROW 0xc1, get_ebda
        CALL_ROW 0xe8, memory_map
        CALL_END unsupported

unsupported:
        FAIL
        mov byte [bp + R_AH], 0x86
        ret

; AX=2400 closes the gate, 2401 opens it, 2402 tells, 2403 says how it can be done.
a20_gate:
        mov byte [bp + R_AH], 0
        cmp al, 1
        jb .close
        je .open
        cmp al, 3
        jb .tell
        jne unsupported
        mov word [bp + R_BX], 3         ; through the keyboard controller and through port 92
        ret
.close: in al, PORT_92
        and al, 0xfc
        out PORT_92, al
        ret
.open:  in al, PORT_92
        or al, 2
        and al, 0xfe
        out PORT_92, al
        ret
.tell:  in al, PORT_92
        shr al, 1
        and al, 1
        mov [bp + R_AL], al
        ret

; AH=87: moves CX words between linear addresses. ES:SI: a descriptor table with room for the BIOS's own entries:
;   00 null, 08 the table itself, 10 source, 18 destination, 20 code, 28 stack. Goes to protected mode and back.
block_move:
        cli
        mov ax, [bp + R_ES]
        mov es, ax
        mov si, [bp + R_SI]
        movzx eax, ax
        shl eax, 4
        movzx edx, si
        add eax, edx                    ; linear address of the table
        mov word [es:si + 0x08], 0x2f
        mov [es:si + 0x0a], eax
        mov dword [es:si + 0x20], 0x0000ffff
        mov dword [es:si + 0x24], 0x00009b0f    ; code, base F0000
        mov dword [es:si + 0x28], 0x0000ffff
        mov dword [es:si + 0x2c], 0x00009300    ; data, base 0
        in al, PORT_92
        push ax
        or al, 2
        and al, 0xfe
        out PORT_92, al
        mov cx, [bp + R_CX]
        mov bx, ss
        o32 lgdt [es:si + 0x08]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp 0x20:.protected
.protected:
        mov ax, 0x10
        mov ds, ax
        mov ax, 0x18
        mov es, ax
        xor si, si
        xor di, di
        mov dx, cx
        shr cx, 1
        rep movsd
        mov cx, dx
        and cx, 1
        rep movsw
        mov ax, 0x28                    ; limits as real mode wants them
        mov ds, ax
        mov es, ax
        mov eax, cr0
        and al, 0xfe
        mov cr0, eax
        jmp 0xf000:.real
.real:  mov ss, bx
        pop ax
        and al, 0xfe
        out PORT_92, al
        mov byte [bp + R_AH], 0
        ret

; AH=88: KiB above 1 MiB in AX.
extended_memory:
        call extended_kib
        mov [bp + R_AX], ax
        ret

; AH=C0: ES:BX points to the configuration table.
get_configuration:
        mov word [bp + R_ES], 0xf000
        mov word [bp + R_BX], configuration
        mov byte [bp + R_AH], 0
        ret

configuration:
        dw 8                    ; bytes that follow
        db 0xfc, 0, 1           ; AT, submodel, revision
        db 0x74                 ; second 8259, clock chip, keyboard intercept no, extended data area
        db 0x40, 0, 0, 0        ; INT 16h function 09h no, ...

; AH=C1: segment of the extended data area in ES.
get_ebda:
        mov word [bp + R_ES], EBDA
        mov byte [bp + R_AH], 0
        ret

memory_map:
        cmp al, 0x20
        je .e820
        cmp al, 0x01
        jne unsupported

; E801: AX = CX = KiB from 1 to 16 MiB, BX = DX = 64 KiB blocks above.
        call high_blocks
        mov [bp + R_BX], ax
        mov [bp + R_DX], ax
        call extended_kib
        cmp ax, 15 * 1024
        jbe .below
        mov ax, 15 * 1024
.below: mov [bp + R_AX], ax
        mov [bp + R_CX], ax
        ret

; E820: entry number EBX of the map to ES:DI; EBX = 0 after the last one.
.e820:  cmp dword [bp + R_EDX], 0x534d4150      ; "SMAP"
        jne unsupported
        mov ebx, [bp + R_EBX]
        cmp ebx, NR_E820
        jae unsupported
        cmp dword [bp + R_ECX], 20
        jb unsupported
        mov es, [bp + R_ES]
        mov di, [bp + R_DI]
        imul si, bx, 12
        add si, e820_map
        mov eax, [cs:si]                ; start
        mov edx, [cs:si + 4]            ; size
        cmp edx, TO_TOP_OF_MEMORY
        jne .size
        push eax
        call memory_kib
        mov edx, eax
        shl edx, 10
        pop eax
        sub edx, eax
.size:  mov [es:di], eax
        mov dword [es:di + 4], 0
        mov [es:di + 8], edx
        mov dword [es:di + 12], 0
        mov eax, [cs:si + 8]            ; type
        mov [es:di + 16], eax
        inc ebx
        cmp ebx, NR_E820
        jb .more
        xor ebx, ebx
.more:  mov [bp + R_EBX], ebx
        mov dword [bp + R_ECX], 20
        mov dword [bp + R_EAX], 0x534d4150
        ret

E820_RAM            equ 1
E820_RESERVED       equ 2
TO_TOP_OF_MEMORY    equ 0

; Start, size, type.
e820_map:
        dd 0x00000000, LOW_MEMORY_KIB * 1024, E820_RAM
        dd EBDA * 16, (640 - LOW_MEMORY_KIB) * 1024, E820_RESERVED
        dd 0x000e0000, 0x00020000, E820_RESERVED        ; this ROM
        dd 0x00100000, TO_TOP_OF_MEMORY, E820_RAM
        dd 0xfffe0000, 0x00020000, E820_RESERVED        ; and where the CPU starts
NR_E820             equ ($ - e820_map) / 12
