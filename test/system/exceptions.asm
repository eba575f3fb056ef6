%define IMAGE "exceptions"
%include "lib/system.asm"
main:
        test PROTECTED32_0, "pm32/cpl0/ud"
        nop
        ud2
        end_test
        test PROTECTED32_0, "pm32/cpl0/done"
        mov eax, 5
        end_test
        test PROTECTED32_3, "pm32/cpl3/gp"
        nop
        hlt
        end_test
        test PROTECTED16_0, "pm16/cpl0/gp"
        mov ax, 0x3ff8
        mov ds, ax
        end_test
        test PROTECTED16_3, "pm16/cpl3/int"
        int 13
        end_test
        test REAL, "real/de"
        xor ax, ax
        div ax
        end_test
        test REAL, "real/done"
        inc bx
        end_test
        test V86, "v86/gp"
        inc bx
        cli
        end_test
        test COMPAT32_3, "compat32/gp"
        inc bx
        cli
        end_test
        test COMPAT16_0, "compat16/ud"
        inc bx
        end_test
        test LONG_0, "long/pf"
        mov rax, [0x50000000]
        end_test
        test LONG_3, "long/gp"
        mov rax, 0x8000000000000000
        mov [rax], eax
        end_test
        finish
