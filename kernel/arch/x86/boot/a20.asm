; Address line 20: closed, it folds the second megabyte onto the first. Linux: arch/x86/boot/a20.c.

; Opens it by every means there is; gives up only when none works.
enable_a20:
        call a20_open
        jnz .done
        mov ax, 0x2401          ; the firmware
        int 0x15
        call a20_open
        jnz .done
        call kbc_idle           ; the keyboard controller's output port
        mov al, 0xd1
        out 0x64, al
        call kbc_idle
        mov al, 0xdf
        out 0x60, al
        call kbc_idle
        mov al, 0xff            ; null command: some need one more
        out 0x64, al
        call kbc_idle
        call a20_open
        jnz .done
        in al, 0x92             ; port 92
        or al, 2
        and al, 0xfe
        out 0x92, al
        call a20_open
        jnz .done
        mov si, a20_text
        jmp die
.done:  ret

; ZF=0: 0:0500 and FFFF:0510 are different places.
a20_open:
        push bx
        mov cx, 32              ; it may take a moment
        xor ax, ax
        mov fs, ax
        dec ax
        mov gs, ax
        mov bx, [fs:0x500]
        mov ax, bx
.again: inc ax
        mov [fs:0x500], ax
        out 0x80, al            ; a delay
        cmp ax, [gs:0x510]
        loope .again
        mov [fs:0x500], bx
        pop bx
        ret                     ; ZF from the comparison: MOV and POP keep it

kbc_idle:
        mov cx, 0xffff
.wait:  in al, 0x64
        test al, 2
        loopnz .wait
        ret
