; What `vitrine bench mips` runs, natively and in the guest: integer work as compilers make it. Each round has a multiplication,
; loads and stores at scattered addresses of 32 KiB, an unpredictable branch, a call, stack and flag traffic. Exit status 0.
        bits 64

ROUNDS  equ 10000000
__NR_exit equ 60

_start:
        mov ecx, ROUNDS
        mov ebx, 0x9e3779b1
        xor eax, eax
        xor r10d, r10d
        lea rsi, [rsp - 0x9000]
round:
        imul eax, ebx
        add eax, ecx
        mov edx, eax
        shr edx, 20
        mov rdi, [rsi + rdx*8]
        xor rdi, rax
        mov [rsi + rdx*8], rdi
        movzx r8d, dil
        cmp r8d, 128
        jb small
        lea r9, [r8 + r8*2 + 1]
        sub r10, r9
        jmp join
small:  add r10, r8
        not r10
join:   push r10
        call leaf
        pop r11
        test r11b, 1
        cmovnz r12, r11
        dec ecx
        jnz round
        xor edi, edi
        mov eax, __NR_exit
        syscall

leaf:   shl rdi, 3
        add rdi, r8
        ret
