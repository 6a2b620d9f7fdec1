# SPDX-License-Identifier: Apache-2.0
# Exit costs, counted. SIDES="brume" leaves the peer out, SIDES="vmx" AMD-V.

.PHONY: bench
bench: $(B)/brume.elf $(B)/guest/exits.elf | deps
	@$(PYTHON) tests/bench/bench.py $(SIDES)

# What a MiB through the virtio devices costs, counted. SIDES="net brume" is a part of it.
.PHONY: bench-devices
bench-devices: $(B)/brume.elf guest | deps
	@$(PYTHON) tests/bench/devices.py $(SIDES)
