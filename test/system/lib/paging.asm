; What the paging images share: a page TARGET, reached through tables of its own that each check builds anew, and accesses to
; it at CPL 0 and 3. Everything else is mapped onto itself for the supervisor alone; the code that runs at CPL 3 is seen at
; USER_CODE. An image defines before it includes this:
;
;     LEVELS, ENTRY_BYTES, HAS_NX           of the paging mode
;     TARGET, USER_CODE                     linear addresses (their low 32 bits)
;     TOP_FLAGS                             flags of an entry of the highest level that allows everything
; and has
;     entry_places                          physical addresses of the entries that map TARGET, lowest level first
;     page_sizes                            what the entry of each level adds to map TARGET as a page

TARGET_PHYSICAL equ 0x605000            ; the offsets of TARGET in pages of all sizes lead here
PAGING_TABLES   equ 0x120000            ; 16 pages
USER_PAGE       equ 0x130000            ; physical address of USER_CODE

PTE_P           equ 1 << 0
PTE_RW          equ 1 << 1
PTE_US          equ 1 << 2
PTE_A           equ 1 << 5
PTE_D           equ 1 << 6
PTE_PS          equ 1 << 7
PTE_ALL         equ PTE_P | PTE_RW | PTE_US

READ            equ 0
WRITE           equ 1
FETCH           equ 2
IMPLICIT        equ 3                   ; LAR of a descriptor in an LDT that lies in TARGET
LDT_SLOT        equ FREE                ; its descriptor
LDT_ENTRY       equ 0x0f                ; the selector LAR reads

; What an access does; reset_parameters gives the defaults.
p_access:       dd 0
p_cpl:          dd 0                    ; 0 or 3
p_cr0:          dd 0                    ; beside what the mode needs
p_cr4:          dd 0
p_efer:         dd 0
p_flags:        dd 0
; How TARGET is mapped: the level of the entry that maps it, and for each level the low and high half of the entry beside
; the address.
leaf_level:     dd 1
level_flags:    times 4 dd 0
level_high:     times 4 dd 0

        bits 32
reset_parameters:
        pushad
        mov edi, p_access
        mov ecx, (level_high + 16 - p_access) / 4
        xor eax, eax
        rep stosd
        inc dword [leaf_level]
        mov edi, level_flags
        mov ecx, LEVELS - 1
        mov eax, PTE_ALL
        rep stosd
        mov dword [edi], TOP_FLAGS
        popad
        ret

; The entries that lead to TARGET; TARGET's content.
build_target:
        pushad
        mov ecx, LEVELS
.level: mov edi, [entry_places + ecx * 4 - 4]
        cmp ecx, [leaf_level]
        je .leaf
        mov eax, [entry_places + ecx * 4 - 8]
        and eax, ~0xfff
        or eax, [level_flags + ecx * 4 - 4]
        call .store
        loop .level
.leaf:  mov eax, [page_sizes + ecx * 4 - 4]
        or eax, [level_flags + ecx * 4 - 4]
        call .store
        mov edi, TARGET_PHYSICAL
        mov dword [edi], 0x0b0f         ; UD2
        mov dword [edi + 4], 0
        mov dword [edi + 8], 0xffff
        mov dword [edi + 12], 0x00cff300 ; LDT_ENTRY: data of DPL 3
        popad
        ret
.store: mov [edi], eax
%if ENTRY_BYTES == 8
        mov eax, [level_high + ecx * 4 - 4]
        mov [edi + 4], eax
%endif
        ret

; "done", or the exception with CR2.
put_result:
        call report_event
        cmp dword [rec_vector], 14
        jne .return
        puts " cr2="
        putx 8, [rec_cr2]
.return:
        ret
