# SPDX-License-Identifier: Apache-2.0
# build/test/intruder.elf: the image with tests/programs/intruder.c linked over the vmm. No symbol table: a panic in it is a
# failed test anyway.
INTRUDER := $(B)/test/intruder

$(INTRUDER)/vmm.sym.elf: $(vmm_OBJ) $(B)/user/tests/programs/intruder.c.o $(USER_RT) $(B)/user/lib.a lib/user/user.ld
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(USER_LDFLAGS) -Wl,--wrap=user_main -o $@ $(filter %.o,$^) $(B)/user/lib.a \
		-L$(NEWLIB)/lib -Wl,--start-group -lc -lm -lgcc -Wl,--end-group
$(INTRUDER)/vmm: $(INTRUDER)/vmm.sym.elf
	$(Q)$(OBJCOPY) --strip-all -R .comment $< $@
$(INTRUDER)/pack.S: $(PROGRAM_FILES) $(INTRUDER)/vmm tools/mkpack
	$(Q)tools/mkpack $(PROGRAM_FILES:$(B)/programs/vmm=$(INTRUDER)/vmm) > $@
$(INTRUDER)/pack.o: $(INTRUDER)/pack.S
	$(Q)$(CC) -c -o $@ $<
$(INTRUDER)/brume.sym.elf: linker.ld $(KERNEL_OBJ) $(INTRUDER)/pack.o $(B)/nosyms.o $(B)/kernel/lib.a
	$(call say,LD,$@)
	$(Q)$(LD) $(KERNEL_LDFLAGS) -T linker.ld -o $@ $(KERNEL_OBJ) $(INTRUDER)/pack.o $(B)/nosyms.o $(B)/kernel/lib.a
$(B)/test/intruder.elf: $(INTRUDER)/brume.sym.elf
	$(call say,IMAGE,$@)
	$(Q)$(OBJCOPY) --strip-all -R .comment -O elf32-i386 $< $@
-include $(B)/user/tests/programs/intruder.c.d

.PHONY: test-images
test-images: $(B)/test/intruder.elf
