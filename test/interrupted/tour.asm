; A tour through what can be interrupted: integer, strings, stack, MMX, x87, SSE. RDI and RSI point at data, RSP at a stack;
; ends with VMCALL.

        bits 64
        org CODE

        mov r15d, 3
round:
        ; Integer: flags across instructions, partial registers, read-modify-write.
        mov rax, 0x123456789abcdef
        mov rbx, 0xfedcba987654321
        add rax, rbx
        adc rbx, 0x7fffffff
        sbb ah, bl
        rcl rax, 5
        rcr bx, 3
        shld rbx, rax, 13
        mul rbx
        imul rdx, rax, -7
        cqo
        mov ecx, 1234567
        idiv rcx
        xchg al, ah
        cmpxchg [DATA + 64], rbx
        lock xadd [DATA + 72], rax
        lock cmpxchg8b [DATA + 80]
        cmpxchg16b [DATA + 96]
        bts qword [DATA + 112], 77
        setc cl
        cmovnc rdx, rbx
        bsf r8, rdx
        popcnt r9, rax
        bswap r9
        crc32 r10, r9
        movbe [DATA + 120], r10
        stc
        lahf
        cmc
        sahf
        rol byte [DATA + 65], cl
        neg dword [DATA + 70]
        not word [DATA + 4094]
        add qword [DATA + 4092], rax    ; across the end of the page
        jrcxz .no
        mov ecx, 5
.loop:  add r11, rcx
        loop .loop
.no:
        ; Strings: whole, cut by a page end, longer than a chunk, backward, with 32-bit addresses.
        cld
        mov rsi, DATA
        mov rdi, DATA + 0x2000
        mov ecx, 0x1234
        rep movsb
        mov rdi, DATA + 0x2ffa
        mov eax, 0x5a5aa5a5
        mov ecx, 100
        rep stosd
        mov rdi, DATA + 0x2003
        mov rsi, DATA + 0x2000
        mov ecx, 5000
        rep movsb                       ; overlapping
        std
        mov rsi, DATA + 0x3100
        mov rdi, DATA + 0x3108
        mov ecx, 70
        rep movsq
        cld
        mov esi, DATA
        mov edi, DATA + 0x2003
        mov ecx, 4000
        a32 repe cmpsb
        setz [DATA + 0x180]
        mov [DATA + 0x188], rcx
        mov rdi, DATA + 0x2ff0
        mov al, 0xa5
        mov ecx, 6000
        repne scasb
        mov [DATA + 0x190], rdi
        mov rsi, DATA + 0xffc
        mov ecx, 9
.lods:  lodsw
        add r12w, ax
        dec ecx
        jnz .lods
        xor ecx, ecx
        rep stosq                       ; none
        mov rbx, DATA
        mov al, 17
        xlatb

        ; Stack: calls, frames, flags; the shadow after MOV SS.
        mov rbp, 0x77
        push rax
        pushfq
        call .function
        pop rdx
        and edx, 0x8d5
        pop rcx
        mov qword [rsp - 16], 0         ; RFLAGS with TF or without
        push qword [DATA + 8]
        pop qword [DATA + 0x198]
        mov ax, ss
        mov ss, ax
        inc r13
        push word 5
        pop bx
        sti
        nop
        jmp .behind
.function:
        enter 32, 3
        mov [rbp - 8], rsp
        push r15
        pop r14
        leave
        ret 0
.behind:

        ; MMX, then x87 with its tags, flags, pointers, rounding.
        movq mm0, [DATA]
        movq mm1, [DATA + 8]
        paddusb mm0, mm1
        psllw mm1, 3
        pmaddwd mm0, mm1
        movq [DATA + 0x1a0], mm0
        emms
        fninit
        mov word [DATA + 0x1a8], 0xf7f  ; towards zero
        fldcw [DATA + 0x1a8]
        fldpi
        fld1
        fldl2t
        fadd st2
        fmul qword [DATA + 0x1c0]
        fyl2x
        fsin
        fst dword [DATA + 0x1ac]
        fisttp qword [DATA + 0x1b0]
        fild word [DATA + 2]
        fdiv st1
        fxch
        fcomi st1
        fcmovb st1
        fnstenv [DATA + 0x200]
        fldenv [DATA + 0x200]
        fldz
        fdiv st1, st0
        fnstsw ax
        mov [DATA + 0x1b8], ax
        fnclex
        fbstp tword [DATA + 0x220]
        fstp tword [DATA + 0xffd]       ; across the end of the page
        fnsave [DATA + 0x240]
        frstor [DATA + 0x240]
        fld1
        ffree st0
        fincstp

        ; SSE to SSE4.2.
        movups xmm0, [DATA]
        movups xmm1, [DATA + 16]
        cvtdq2ps xmm2, xmm0
        cvtdq2ps xmm3, xmm1
        divps xmm2, xmm3
        sqrtps xmm4, xmm2
        addsubps xmm4, xmm3
        cvtps2pd xmm5, xmm4
        mulsd xmm5, xmm2
        cvttsd2si rax, xmm5
        cmpps xmm2, xmm3, 1
        movmskps edx, xmm2
        pshufb xmm0, xmm1
        palignr xmm0, xmm1, 5
        pmulhrsw xmm1, xmm0
        psadbw xmm0, xmm1
        pcmpestri xmm0, xmm1, 0x0c
        pblendvb xmm1, xmm3
        db 0x66, 0x0f, 0xf7, 0xca       ; maskmovdqu xmm1, xmm2
        movntdq [DATA + 0x300], xmm1
        movups [DATA + 0xff8], xmm4     ; across the end of the page
        ucomisd xmm5, [DATA + 0x18]
        stmxcsr [DATA + 0x310]
        fxsave64 [DATA + 0x400]
        fxrstor64 [DATA + 0x400]

        dec r15d
        jnz round
        vmcall
