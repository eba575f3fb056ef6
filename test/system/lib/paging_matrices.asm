; The loops of the paging images: behind paging.asm. An image has besides
;
;     try_access                            performs the access that p_access and its neighbours describe
;     reserved_rows                         see matrix_reserved
access_names:   dd .read, .write, .fetch, .implicit
.read:          db "read", 0
.write:         db "write", 0
.fetch:         db "fetch", 0
.implicit:      db "implicit", 0

; The code of the accesses, for CPL 0 here and for CPL 3 in USER_CODE. STUB_BYTES each; the UD2 ends a good access.
STUB_BYTES      equ 16
        align 16
stubs:  mov eax, [edi]
        ud2
        align 16
        mov [edi], eax
        ud2
        align 16
        jmp edi
        align 16
        lar eax, ecx
        ud2
        align 16
stubs_end:
; Offset of the UD2 in each stub; the UD2 after the jump is TARGET itself.
stub_stops:     dd 2, 2, 0, 3

copy_stubs:
        pushad
        mov esi, stubs
        mov edi, USER_PAGE
        mov ecx, (stubs_end - stubs) / 4
        rep movsd
        popad
        ret

; The accessed bits from the highest level down, and the dirty bit of the page.
put_used:
        pushad
        mov ecx, LEVELS
        puts " used="
.level: mov edi, [entry_places + ecx * 4 - 4]
        mov edx, [edi]
        mov al, '-'
        bt edx, 5                       ; A
        jnc .clean
        mov al, 'a'
.clean: call put_al
        cmp ecx, [leaf_level]
        je .leaf
        loop .level
.leaf:  mov al, '-'
        bt edx, 6                       ; D
        jnc .not_dirty
        mov al, 'd'
.not_dirty:
        call put_al
        popad
        ret

; Names: " cpl=3", " write" and so on.
put_access:
        push esi
        mov esi, [p_access]
        mov esi, [access_names + esi * 4]
        putc ' '
        call put_string
        pop esi
        ret
%macro put_setting 2            ; name, [variable]
        puts %1
        putx 1, %2
%endmacro
; The end of a loop over the values 0 to %3 - 1 of a variable.
%macro over 3
        inc dword [%2]
        cmp dword [%2], %3
        jb %1
%endmacro

v_us:           dd 0
v_rw:           dd 0
v_nx:           dd 0
v_wp:           dd 0
v_user:         dd 0
v_access:       dd 0
v_smep:         dd 0
v_smap:         dd 0
v_ac:           dd 0
v_level:        dd 0
v_kind:         dd 0
v_row:          dd 0
v_nxe:          dd 0
v_leaf:         dd 0

; p_ variables from the v_ ones; the rights of the page.
take_loops:
        pushad
        call reset_parameters
        mov eax, [v_leaf]
        inc eax
        mov [leaf_level], eax
        mov eax, [v_access]
        mov [p_access], eax
        imul eax, [v_user], 3
        mov [p_cpl], eax
        mov eax, [v_wp]
        shl eax, 16
        mov [p_cr0], eax
        mov eax, [v_smep]
        shl eax, 20
        mov ecx, [v_smap]
        shl ecx, 21
        or eax, ecx
        mov [p_cr4], eax
        mov eax, [v_ac]
        shl eax, 18
        mov [p_flags], eax
        mov dword [p_efer], HAS_NX * EFER_NXE
        mov ecx, [leaf_level]
        mov eax, [v_rw]
        add eax, eax
        mov edx, [v_us]
        lea eax, [eax + edx * 4 + PTE_P]
        mov [level_flags + ecx * 4 - 4], eax
        mov eax, [v_nx]
        shl eax, 31
        mov [level_high + ecx * 4 - 4], eax
        popad
        ret

reset_loops:
        pushad
        mov edi, v_us
        mov ecx, (v_leaf + 4 - v_us) / 4
        xor eax, eax
        rep stosd
        inc dword [v_us]
        inc dword [v_rw]
        inc dword [v_wp]
        popad
        ret

; Every combination of U/S, R/W, XD of the page, CR0.WP, CPL and access. SDM vol 3A "Determination of Access Rights".
matrix_rights:
        call reset_loops
        mov dword [v_us], 0
.us:    mov dword [v_rw], 0
.rw:    mov dword [v_nx], 0
.nx:    mov dword [v_wp], 0
.wp:    mov dword [v_user], 0
.user:  mov dword [v_access], 0
.access:
        begin_check
        call take_loops
        put_setting "rights us=", [v_us]
        put_setting " rw=", [v_rw]
        put_setting " nx=", [v_nx]
        put_setting " wp=", [v_wp]
        put_setting " cpl=", [p_cpl]
        call put_access
        end_name
        call build_target
        call try_access
        call put_result
        end_check
        over .access, v_access, 3
        over .user, v_user, 2
        over .wp, v_wp, 2
        over .nx, v_nx, 1 + HAS_NX
        over .rw, v_rw, 2
        over .us, v_us, 2
        ret

; SMEP, SMAP and AC, at CPL 0 with explicit and implicit accesses, at CPL 3 with implicit ones.
matrix_smap:
        call reset_loops
        mov dword [v_us], 0
.us:    mov dword [v_smep], 0
.smep:  mov dword [v_smap], 0
.smap:  mov dword [v_ac], 0
.ac:    mov dword [v_user], 0
.user:  mov dword [v_access], 0
.access:
        cmp dword [v_user], 0
        je .wanted
        cmp dword [v_access], IMPLICIT
        jne .next
.wanted:
        begin_check
        call take_loops
        put_setting "smap us=", [v_us]
        put_setting " smep=", [v_smep]
        put_setting " smap=", [v_smap]
        put_setting " ac=", [v_ac]
        put_setting " cpl=", [p_cpl]
        call put_access
        end_name
        call build_target
        call try_access
        call put_result
        end_check
.next:  over .access, v_access, 4
        over .user, v_user, 2
        over .ac, v_ac, 2
        over .smap, v_smap, 2
        over .smep, v_smep, 2
        over .us, v_us, 2
        ret

; One right taken away in the entry of one level: P, R/W, U/S, or XD set. Pages of all sizes, CPL 3.
RESTRICTIONS    equ 3 + HAS_NX
restriction_names: db "p", 0, "rw", "us", "nx"
matrix_levels:
        call reset_loops
        mov dword [v_user], 1
        mov dword [v_leaf], 0
.leaf:  mov ecx, [v_leaf]
        cmp dword [page_sizes + ecx * 4], 0
        je .next_leaf
        mov [v_level], ecx
.level: mov dword [v_kind], 0
.kind:  cmp dword [v_kind], 0
        je .valid
        mov eax, [v_level]
        cmp eax, LEVELS - 1
        jne .valid
        mov eax, TOP_FLAGS
        cmp eax, PTE_ALL
        jne .next_kind                  ; entries of the highest level have no rights
.valid: mov dword [v_access], 0
.access:
        begin_check
        call take_loops
        mov ecx, [v_level]
        cmp dword [v_kind], 3
        je .nx
        mov eax, ~1
        push ecx
        mov ecx, [v_kind]
        rol eax, cl
        pop ecx
        and [level_flags + ecx * 4], eax
        jmp .named
.nx:    mov dword [level_high + ecx * 4], 1 << 31
.named: put_setting "levels page=", [leaf_level]
        lea eax, [ecx + 1]
        put_setting " entry=", eax
        puts " without "
        mov eax, [v_kind]
        push dword [restriction_names + eax * 2]
        call put_char
        cmp eax, 0
        je .short
        push dword [restriction_names + eax * 2 + 1]
        call put_char
.short: call put_access
        end_name
        call build_target
        call try_access
        call put_result
        end_check
        over .access, v_access, 3
.next_kind:
        over .kind, v_kind, RESTRICTIONS
        over .level, v_level, LEVELS
.next_leaf:
        over .leaf, v_leaf, LEVELS
        ret

; One bit set in the entry of one level; `reserved_rows` of the image says which: page, entry, bit, ended by 0.
matrix_reserved:
        call reset_loops
        mov dword [v_user], 1
        mov dword [v_row], reserved_rows
.row:   mov dword [v_nxe], 0
.nxe:   mov esi, [v_row]
        movzx eax, byte [esi]
        dec eax
        mov [v_leaf], eax
        begin_check
        call take_loops
        mov eax, [v_nxe]
        shl eax, 11
        mov [p_efer], eax
        movzx ecx, byte [esi + 1]
        movzx eax, byte [esi + 2]
        put_setting "reserved page=", [leaf_level]
        put_setting " entry=", ecx
        puts " bit="
        call put_decimal
        put_setting " nxe=", [v_nxe]
        end_name
        mov edi, level_flags - 4
        cmp eax, 32
        jb .low
        mov edi, level_high - 4
.low:   lea edi, [edi + ecx * 4]
        mov edx, [edi]
        bts edx, eax
        mov [edi], edx
        call build_target
        call try_access
        call put_result
        end_check
        over .nxe, v_nxe, 1 + HAS_NX
        add dword [v_row], 3
        mov esi, [v_row]
        cmp byte [esi], 0
        jne .row
        ret

; Accessed and dirty bits that a good access sets, from both clear and from accessed alone; pages of all sizes. With WP clear
; the supervisor writes to a page without R/W.
matrix_used:
        call reset_loops
        mov dword [v_wp], 0
        mov dword [v_leaf], 0
.leaf:  mov ecx, [v_leaf]
        cmp dword [page_sizes + ecx * 4], 0
        je .next_leaf
        mov dword [v_rw], 0
.rw:    mov dword [v_kind], 0
.kind:  mov dword [v_access], 0
.access:
        begin_check
        call take_loops
        mov ecx, [v_leaf]
        mov eax, [v_kind]
        shl eax, 5
        or [level_flags + ecx * 4], eax
        put_setting "used page=", [leaf_level]
        put_setting " rw=", [v_rw]
        put_setting " accessed=", [v_kind]
        call put_access
        end_name
        call build_target
        call try_access
        call put_result
        call put_used
        end_check
        over .access, v_access, 4
        over .kind, v_kind, 2
        over .rw, v_rw, 2
.next_leaf:
        over .leaf, v_leaf, LEVELS
        ret

all_matrices:
        call copy_stubs
        call matrix_rights
        call matrix_smap
        call matrix_levels
        call matrix_reserved
        call matrix_used
        ret
