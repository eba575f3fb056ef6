; Options on the kernel command line. Linux: arch/x86/boot/cmdline.c.

; Looks for the option whose name (CX bytes at SI, "video=") a word of the command line starts with. FS:BX: its value;
; CF=1: it is not there.
find_option:
        mov eax, [cmd_line_ptr]
        test eax, eax
        jz .none
        mov ebx, eax
        shr eax, 4
        mov fs, ax
        and bx, 15
.word:  push bx
        xor di, di
.compare:
        mov al, [fs:bx]
        cmp al, [si]
        jne .different
        inc bx
        inc si
        inc di
        cmp di, cx
        jb .compare
        sub si, di
        pop ax                  ; where the word starts: no matter
        clc
        ret
.different:
        sub si, di
        pop bx
.skip:  mov al, [fs:bx]
        inc bx
        test al, al
        jz .none
        cmp al, ' '
        jne .skip
        jmp .word
.none:  stc
        ret

; A decimal number at FS:BX in AX; BX moves behind it, AL in DL is what ended it.
parse_decimal:
        xor ax, ax
.digit: movzx dx, byte [fs:bx]
        sub dl, '0'
        cmp dl, 9
        ja .end
        imul ax, ax, 10
        add ax, dx
        inc bx
        jmp .digit
.end:   mov dl, [fs:bx]
        ret
