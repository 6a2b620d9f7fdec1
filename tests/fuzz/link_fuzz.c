/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames from the network into lwIP, with a listening port behind it: ARP, IPv4 and IPv6, ICMP, TCP. Each frame is a length in two bytes,
 * a byte whose bit 0 asks for the node's address in the Ethernet header, a byte of time that passes, and its bytes. lwIP's state stays from input to input.
 * sources: mgmt/link.c mgmt/tcp.c mgmt/tcp_share.c mgmt/random.c mgmt/entropy.c mgmt/clock.c lib/frames.c lib/channel.c tests/fake/mgmt_node.c tests/fake/mgmt_init.c
 * libraries: lwip mbedtls
 */
#include <string.h>

#include "mgmt/link.h"
#include "mgmt/tcp.h"
#include "tests/fake/mgmt_node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { HEAD = 4, STREAMS_KEPT = 8 };

static struct frames_channel channel;
static struct frames_end to_node, from_node;

static void plug(void)
{
	static const uint8_t mac[6] = { 2, 0x62, 0x72, 0xff, 0, 1 };
	struct conf_node config = { .address_mode = CONF_ADDRESS_STATIC, .address = 0xc000020a, .prefix = 24, .gateway = 0xc0000201,
				    .dns = 0xc0000201, .ntp = 0xc0000201 };

	channel.magic = FRAMES_MAGIC;
	frames_writer(&to_node, &channel.to_vm, channel.to_vm_data);
	frames_reader(&from_node, &channel.from_vm, channel.from_vm_data);
	fake_node_reset();
	link_init(&config, "fuzz", mac);
	if (tcp_listen_on(8443) < 0) {
		__builtin_trap();
	}
	link_plug(&channel);
}

/* As a session would: reads what there is, writes something, closes what ended or is too much. */
static void use_streams(void)
{
	static struct stream *kept[STREAMS_KEPT];
	static unsigned next;
	struct stream *s;
	char buffer[64];

	while ((s = tcp_next()) != NULL) {
		if (kept[next]) {
			kept[next]->ops->close(kept[next]);
		}
		kept[next] = s;
		next = (next + 1) % STREAMS_KEPT;
	}
	for (unsigned i = 0; i < STREAMS_KEPT; i++) {
		if (kept[i]) {
			int r = kept[i]->ops->read(kept[i], buffer, sizeof(buffer));

			if (r > 0) {
				r = kept[i]->ops->write(kept[i], buffer, (size_t)r);
			}
			if (r == 0 || r == E_IO) {
				kept[i]->ops->close(kept[i]);
				kept[i] = NULL;
			}
		}
	}
}

static void give(const uint8_t *bytes, uint32_t len, bool addressed)
{
	static const uint8_t mac[6] = { 2, 0x62, 0x72, 0xff, 0, 1 };
	struct frame_header header = { .len = len };
	bool wake;

	frames_put(&to_node, 0, bytes, len);
	if (addressed) {
		frames_put(&to_node, 0, mac, sizeof(mac));
	}
	wake = frames_send(&to_node, &header);
	(void)wake;                                      /* it is looked at anyway */
	while (link_receive()) {
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct frame_header header;

	if (!channel.magic) {
		plug();
	}
	while (len > HEAD) {
		uint32_t size = data[0] | (uint32_t)data[1] << 8, left = (uint32_t)(len - HEAD);

		size = size < left ? size : left;
		fake_now_ns += data[3] * 100000000ull;
		if (size >= FRAME_MIN && frames_room(&to_node, size)) {
			give(data + HEAD, size, data[2] & 1);
		}
		link_tick(fake_now_ns);
		use_streams();
		while (frames_next(&from_node, &header) == OK) {
			if (frames_drop(&from_node, &header)) {
				continue;
			}
		}
		data += HEAD + size;
		len -= HEAD + size;
	}
	return 0;
}
