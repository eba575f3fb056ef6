; Segment limits: which offsets an access of each size may use, in segments that expand up and down, with either granularity and either
; default size. SDM vol 3A "Limit Checking". Rows of cells are explained at report_cell (lib/report.asm).
%define IMAGE "limits"
%include "lib/system.asm"

SEGMENT         equ FREE
CELLS           equ 17
        variable region, 4

; One row: accesses at CELLS offsets from [region] on.
%macro row 2                            ; name, the access through EBX
        begin_check
        puts {KIND, "/", %1, " from "}
        putx 8, [region]
        end_name
        mov ecx, [region]
        lea edx, [ecx + CELLS]
%%each: with ebx, ecx
        with eax, SEGMENT | 3
        with_cr4 CR4_OSFXSR
        run PROTECTED32_3
        mov fs, ax
        %2
        end_run
        call report_cell
        inc ecx
        cmp ecx, edx
        jne %%each
        end_check
%endmacro

%macro rows 0
        row "read 1", {mov al, [fs:ebx]}
        row "read 2", {mov ax, [fs:ebx]}
        row "read 4", {mov eax, [fs:ebx]}
        row "read 8", {fld qword [fs:ebx]}
        row "read 10", {fld tword [fs:ebx]}
        row "read 16", {movups xmm0, [fs:ebx]}
        row "write 1", {mov [fs:ebx], al}
        row "write 2", {mov [fs:ebx], ax}
        row "write 4", {mov [fs:ebx], eax}
        row "write 16", {movups [fs:ebx], xmm0}
        row "stack, read 4", {through_ss {mov eax, [ss:ebx]}}
        row "stack, write 4", {through_ss {mov [ss:ebx], eax}}
        row "stack, push 4", {push_at}
        row "stack, pop 4", {pop_at}
%endmacro
%macro through_ss 1
        mov ss, ax
        %1
%endmacro
%macro push_at 0                        ; the dword that begins at EBX
        mov ss, ax
        lea esp, [ebx + 4]
        push eax
%endmacro
%macro pop_at 0
        mov ss, ax
        mov esp, ebx
        pop eax
%endmacro

; A kind of segment at HIGH_FREE, tried at its limit, at 64 KiB and below 4 GiB.
%macro kind 4                           ; name, limit, access byte, flags
%define KIND %1
        set_descriptor SEGMENT, HIGH_FREE, %2, %3, %4
        mov dword [region], 0xff0
        rows
        mov dword [region], 0xfff0
        rows
        mov dword [region], 0xffffffe0          ; up to the last access of 16 bytes that does not wrap
        rows
%endmacro

        bits 32
main:
        kind "up", 0xfff, 0xf3, 0x4
        kind "up, 16 bits", 0xfff, 0xf3, 0x0
        kind "up, page", 0, 0xf3, 0xc
        kind "down", 0xfff, 0xf7, 0x4
        kind "down, 16 bits", 0xfff, 0xf7, 0x0
        kind "down, page", 0, 0xf7, 0xc
        finish
