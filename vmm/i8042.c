/* SPDX-License-Identifier: Apache-2.0 */
/* Keyboard controller with nothing plugged in. IBM PC/AT Technical Reference, section 1, "Keyboard controller". */
#include "vmm/i8042.h"
#include "vmm/platform.h"
#include "vmm/regs.h"

enum { KEYBOARD_GSI = 1 };

/* Status port. */
enum { ST_OUTPUT_FULL = 1 << 0, ST_SYSTEM = 1 << 2, ST_COMMAND = 1 << 3, ST_UNLOCKED = 1 << 4, ST_TIMEOUT = 1 << 6 };

/* Command byte, which is byte 0 of the controller's RAM. */
enum { CB_KEYBOARD_IRQ = 1 << 0, CB_SYSTEM = 1 << 2, CB_KEYBOARD_OFF = 1 << 4, CB_AUX_OFF = 1 << 5 };

/* Output port. */
enum { OUT_NO_RESET = 1 << 0, OUT_A20 = 1 << 1, OUT_IDLE = 0xcc };

enum {
	CMD_READ_RAM = 0x20, CMD_WRITE_RAM = 0x60, CMD_AUX_OFF = 0xa7, CMD_AUX_ON = 0xa8, CMD_AUX_TEST = 0xa9,
	CMD_SELF_TEST = 0xaa, CMD_KEYBOARD_TEST = 0xab, CMD_KEYBOARD_OFF = 0xad, CMD_KEYBOARD_ON = 0xae,
	CMD_READ_INPUT = 0xc0, CMD_READ_OUTPUT = 0xd0, CMD_WRITE_OUTPUT = 0xd1, CMD_ECHO = 0xd2, CMD_AUX_ECHO = 0xd3,
	CMD_AUX_SEND = 0xd4, CMD_A20_OFF = 0xdd, CMD_A20_ON = 0xdf, CMD_READ_TEST = 0xe0, CMD_PULSE = 0xf0,
};
enum { SELF_TEST_OK = 0x55, LINE_OK = 0x00, LINE_CLOCK_LOW = 0x01, INPUT_UNLOCKED = 0x80, NO_ANSWER = 0xfe };

/* A byte for the guest. One that it has not read is lost, as in the real controller's single buffer. */
static void answer(struct i8042 *k, uint8_t byte, uint8_t flags)
{
	k->data = byte;
	k->status = (uint8_t)((k->status & ~ST_TIMEOUT) | ST_OUTPUT_FULL | flags);
	vm_irq(KEYBOARD_GSI, false);
	vm_irq(KEYBOARD_GSI, k->ram[0] & CB_KEYBOARD_IRQ);
}

static void write_output_port(struct i8042 *k, uint8_t val)
{
	k->output_port = val;
	if (!(val & OUT_NO_RESET)) {
		vm_request_end(VM_END_RESET);
	}
}

static void write_ram(struct i8042 *k, unsigned at, uint8_t val)
{
	k->ram[at] = val;
	if (!at) {
		k->status = (uint8_t)((k->status & ~ST_SYSTEM) | (val & CB_SYSTEM ? ST_SYSTEM : 0));
		vm_irq(KEYBOARD_GSI, (k->status & ST_OUTPUT_FULL) && (val & CB_KEYBOARD_IRQ));
	}
}

static uint8_t read_data(struct i8042 *k)
{
	k->status &= (uint8_t)~(ST_OUTPUT_FULL | ST_TIMEOUT);
	vm_irq(KEYBOARD_GSI, false);
	return k->data;
}

/* The parameter of a command, or a byte for the keyboard, which is not there. */
static void write_data(struct i8042 *k, uint8_t val)
{
	uint8_t command = k->pending;

	k->pending = 0;
	k->status &= (uint8_t)~ST_COMMAND;
	switch (command) {
	case CMD_WRITE_OUTPUT:
		write_output_port(k, val);
		break;
	case CMD_ECHO:
	case CMD_AUX_ECHO:           /* without the mark of the auxiliary port: there is none */
		answer(k, val, 0);
		break;
	case 0:
		k->ram[0] &= (uint8_t)~CB_KEYBOARD_OFF;
		answer(k, NO_ANSWER, ST_TIMEOUT);
		break;
	case CMD_AUX_SEND:
		answer(k, NO_ANSWER, ST_TIMEOUT);
		break;
	default:
		write_ram(k, command % sizeof(k->ram), val);
		break;
	}
}

/* Commands that pull output lines low for 6 us, one per zero bit; line 0 is the CPU's reset. */
static void pulse(uint8_t command)
{
	if (!(command & OUT_NO_RESET)) {
		vm_request_end(VM_END_RESET);
	}
}

static void set_a20(struct i8042 *k, bool on)
{
	k->output_port = (uint8_t)(on ? k->output_port | OUT_A20 : k->output_port & ~OUT_A20);
}

/* Commands without a parameter. Unknown ones do nothing. */
static void command_now(struct i8042 *k, uint8_t command)
{
	switch (command) {
	case CMD_AUX_OFF:
		k->ram[0] |= CB_AUX_OFF;
		break;
	case CMD_AUX_ON:
		k->ram[0] &= (uint8_t)~CB_AUX_OFF;
		break;
	case CMD_KEYBOARD_OFF:
		k->ram[0] |= CB_KEYBOARD_OFF;
		break;
	case CMD_KEYBOARD_ON:
		k->ram[0] &= (uint8_t)~CB_KEYBOARD_OFF;
		break;
	case CMD_AUX_TEST:
		answer(k, LINE_CLOCK_LOW, 0);
		break;
	case CMD_SELF_TEST:
		k->status |= ST_SYSTEM;
		answer(k, SELF_TEST_OK, 0);
		break;
	case CMD_KEYBOARD_TEST:
		answer(k, LINE_OK, 0);
		break;
	case CMD_READ_INPUT:
		answer(k, INPUT_UNLOCKED, 0);
		break;
	case CMD_READ_OUTPUT:
		answer(k, k->output_port, 0);
		break;
	case CMD_READ_TEST:
		answer(k, 0, 0);
		break;
	case CMD_A20_OFF:
	case CMD_A20_ON:
		set_a20(k, command == CMD_A20_ON);
		break;
	default:
		break;
	}
}

static void write_command(struct i8042 *k, uint8_t command)
{
	k->pending = 0;
	k->status |= ST_COMMAND;
	if (command >= CMD_PULSE) {
		pulse(command);
	} else if (command >= CMD_READ_RAM && command < CMD_READ_RAM + sizeof(k->ram)) {
		answer(k, k->ram[command - CMD_READ_RAM], 0);
	} else if ((command >= CMD_WRITE_RAM && command < CMD_WRITE_RAM + sizeof(k->ram)) ||
		   (command >= CMD_WRITE_OUTPUT && command <= CMD_AUX_SEND)) {
		k->pending = command;
	} else {
		command_now(k, command);
	}
}

static uint8_t data_read(void *dev, unsigned off)
{
	(void)off;
	return read_data(dev);
}

static void data_write(void *dev, unsigned off, uint8_t val)
{
	(void)off;
	write_data(dev, val);
}

static uint8_t command_read(void *dev, unsigned off)
{
	struct i8042 *k = dev;

	(void)off;
	return k->status;
}

static void command_write(void *dev, unsigned off, uint8_t val)
{
	(void)off;
	write_command(dev, val);
}

static const struct byte_ops data_ops = { data_read, data_write };
static const struct byte_ops command_ops = { command_read, command_write };

static void data_access(void *dev, struct io_access *io)
{
	bytes_access(&data_ops, dev, io);
}

static void command_access(void *dev, struct io_access *io)
{
	bytes_access(&command_ops, dev, io);
}

int i8042_init(struct i8042 *kbc, struct bus *ports)
{
	int r;

	*kbc = (struct i8042){ .status = ST_UNLOCKED, .output_port = OUT_IDLE | OUT_A20 | OUT_NO_RESET };
	kbc->ram[0] = CB_KEYBOARD_OFF | CB_AUX_OFF;
	r = bus_add(ports, PORT_I8042_DATA, 1, data_access, kbc, "i8042");
	if (r == OK) {
		r = bus_add(ports, PORT_I8042_CMD, 1, command_access, kbc, "i8042");
	}
	return r;
}
