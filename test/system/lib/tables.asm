; GDT, IDTs, IVT, TSSs and the page tables of long mode.

; One descriptor: base, limit (in the unit of G), access byte (P DPL S type), flags nibble (G D/B L AVL).
%macro descriptor 4
        dw (%2) & 0xffff, (%1) & 0xffff
        db ((%1) >> 16) & 0xff, %3, ((%2) >> 16) & 15 | (%4) << 4, ((%1) >> 24) & 0xff
%endmacro

; Gives slot `selector` (a constant or a register) the descriptor made of constants.
%macro set_descriptor 5         ; selector, base, limit, access, flags
        mov dword [gdt + %1], (%3) & 0xffff | ((%2) & 0xffff) << 16
        mov dword [gdt + %1 + 4], ((%2) >> 16) & 0xff | (%4) << 8 | (%3) & 0xf0000 | (%5) << 20 | (%2) & 0xff000000
%endmacro

; Access bytes of 32-bit gates, call with the DPL added (<< 5).
GATE_TASK       equ 0x85
GATE_CALL16     equ 0x84
GATE_INT16      equ 0x86
GATE_TRAP16     equ 0x87
GATE_CALL       equ 0x8c
GATE_INT        equ 0x8e
GATE_TRAP       equ 0x8f

; Makes the descriptor at `address` a gate to `selector`:`offset` (constants). `count`: parameters.
%macro set_gate 4-5 0           ; address, selector, offset, access, count
        mov eax, %3
        mov word [%1], ax
        mov word [%1 + 2], %2
        mov byte [%1 + 4], %5
        mov byte [%1 + 5], %4
        shr eax, 16
        mov word [%1 + 6], ax
%endmacro

        align 8
gdt:    dq 0
%assign EACH_RING 0
%rep 4
        descriptor 0, 0xfffff, 0x9b | EACH_RING << 5, 0xc      ; CODE32
        descriptor 0, 0xfffff, 0x93 | EACH_RING << 5, 0xc      ; DATA32
        descriptor 0, 0x0ffff, 0x9b | EACH_RING << 5, 0x0      ; CODE16
        descriptor 0, 0x0ffff, 0x93 | EACH_RING << 5, 0x0      ; DATA16
%assign EACH_RING EACH_RING + 1
%endrep
%assign EACH_RING 0
%rep 4
        descriptor 0, 0xfffff, 0x9b | EACH_RING << 5, 0xa      ; CODE64
%assign EACH_RING EACH_RING + 1
%endrep
        descriptor tss32, TSS32_BYTES - 1, 0x89, 0
        descriptor ldt, LDT_BYTES - 1, 0x82, 0
        descriptor tss64, TSS64_BYTES - 1, 0x89, 0
        dq 0
        times GDT_SLOTS dq 0
gdt_end:

        align 8
LDT_BYTES       equ 0x40
ldt:    times LDT_BYTES / 8 dq 0

        align 4
gdt_pointer:    dw GDT_BYTES - 1
                dd gdt, 0
        align 4
idt32_pointer:  dw 0x7ff
                dd IDT32, 0
        align 4
idt64_pointer:  dw 0xfff
                dd IDT64, 0
        align 4
ivt_pointer:    dw 0x3ff
                dd IVT, 0

; SDM vol 3A "Task-State Segment (TSS)": the stacks of the rings, and an I/O bitmap that allows nothing above its ports.
IO_BITMAP_BYTES equ 0x60
        align 16
tss32:  dd 0
        dd RING0_SP, DATA32
        dd RING1_SP, DATA32 + RING | 1
        dd RING2_SP, DATA32 + 2 * RING | 2
        times 18 dd 0
        dw 0, tss32_bitmap - tss32
tss32_redirect: times 32 db 0   ; VME: 0 is "redirect to the IVT"
tss32_bitmap:   times IO_BITMAP_BYTES db 0xff
        db 0xff
TSS32_BYTES     equ $ - tss32

        align 16
tss64:  dd 0
        dq RING0_SP, RING1_SP, RING2_SP, 0
        dq IST1_SP, 0, 0, 0, 0, 0, 0, 0
        dw 0, tss64_bitmap - tss64
tss64_bitmap:   times IO_BITMAP_BYTES db 0xff
        db 0xff
TSS64_BYTES     equ $ - tss64

        bits 32
build_tables:
; IVT and IDTs: every vector to its stub in catch.asm. Gates have DPL 3, so that INT n may be used from every ring.
        xor ecx, ecx
.vector:
        imul eax, ecx, CATCH16_STUB
        add eax, catch16_stubs
        mov [IVT + ecx * 4], eax                ; segment 0
        imul eax, ecx, CATCH32_STUB
        add eax, catch32_stubs
        lea edi, [IDT32 + ecx * 8]
        mov dword [edi + 4], (GATE_INT | 3 << 5) << 8
        mov [edi], ax
        mov word [edi + 2], CODE32
        shr eax, 16
        mov [edi + 6], ax
        imul eax, ecx, CATCH64_STUB
        add eax, catch64_stubs
        lea edi, [ecx * 8]
        lea edi, [IDT64 + edi * 2]
        mov dword [edi + 4], (GATE_INT | 3 << 5) << 8
        mov dword [edi + 8], 0
        mov dword [edi + 12], 0
        mov [edi], ax
        mov word [edi + 2], CODE64
        shr eax, 16
        mov [edi + 6], ax
        inc ecx
        cmp ecx, 256
        jb .vector

; Page tables of long mode: the first GiB onto itself in pages of 2 MiB, everything allowed.
        mov edi, PAGE_TABLES
        mov ecx, 3 * 4096 / 4
        xor eax, eax
        rep stosd
        mov dword [PAGE_TABLES], PAGE_TABLES + 0x1000 + 7
        mov dword [PAGE_TABLES + 0x1000], PAGE_TABLES + 0x2000 + 7
        mov edi, PAGE_TABLES + 0x2000
        mov eax, 0x87
        mov ecx, 512
.page:  mov [edi], eax
        add edi, 8
        add eax, 0x200000
        loop .page
        ret
