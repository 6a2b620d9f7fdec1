/* SPDX-License-Identifier: Apache-2.0 */
/* The table of stations: open addressing with a short window, so that every look has a bound. */
#include "net/fdb.h"

uint64_t fdb_key(const uint8_t mac[6], uint32_t net)
{
	uint64_t key = (uint64_t)(net + 1) << 48;        /* never 0 */

	for (unsigned i = 0; i < 6; i++) {
		key |= (uint64_t)mac[i] << 8 * i;
	}
	return key;
}

static struct fdb_entry *window(const struct fdb *f, uint64_t key, unsigned probe)
{
	uint64_t hash = key * 0x9e3779b97f4a7c15ull >> 40;

	return (struct fdb_entry *)&f->entry[(hash + probe) % FDB_SLOTS];
}

static struct fdb_entry *find(const struct fdb *f, uint64_t key)
{
	for (unsigned i = 0; i < FDB_PROBES; i++) {
		struct fdb_entry *e = window(f, key, i);

		if (e->key == key) {
			return e;
		}
	}
	return NULL;
}

static bool is_old(const struct fdb_entry *e, uint64_t now_ns)
{
	return !e->fixed && now_ns > e->seen_ns + FDB_AGE_NS;
}

static void clear(struct fdb *f, struct fdb_entry *e)
{
	if (e->key && !e->fixed) {
		f->learned[e->port]--;
	}
	*e = (struct fdb_entry){ 0 };
}

enum rank { LEARNED, FIRM, FIXED };

static enum rank rank_of(const struct fdb *f, const struct fdb_entry *e)
{
	return e->fixed ? FIXED : f->firm[e->port] ? FIRM : LEARNED;
}

/* A place for key: one that is free, or whose station was silent for long; else that of one of lower rank. */
static struct fdb_entry *take_place(struct fdb *f, uint64_t key, enum rank rank, uint64_t now_ns)
{
	struct fdb_entry *weak = NULL;

	for (unsigned i = 0; i < FDB_PROBES; i++) {
		struct fdb_entry *e = window(f, key, i);

		if (!e->key || is_old(e, now_ns)) {
			clear(f, e);
			return e;
		}
		if (!weak && rank_of(f, e) < rank) {
			weak = e;
		}
	}
	if (weak) {
		clear(f, weak);
	}
	return weak;
}

bool fdb_fix(struct fdb *f, uint64_t key, uint32_t port)
{
	struct fdb_entry *e = find(f, key);

	if (e && e->fixed) {
		return e->port == port;
	}
	if (e) {
		clear(f, e);
	} else {
		e = take_place(f, key, FIXED, 0);
	}
	if (!e) {
		return false;
	}
	*e = (struct fdb_entry){ .key = key, .port = port, .fixed = true };
	return true;
}

void fdb_make_firm(struct fdb *f, uint32_t port)
{
	f->firm[port] = true;
}

/* May the port have one more? If it has all that it may, those that are old go first. */
static bool has_room(struct fdb *f, uint32_t port, uint64_t now_ns)
{
	uint16_t most = f->firm[port] ? FDB_PER_UPLINK : FDB_PER_PORT;

	if (f->learned[port] < most || now_ns - f->swept_ns[port] < FDB_SWEEP_NS) {
		return f->learned[port] < most;
	}
	f->swept_ns[port] = now_ns;
	for (unsigned i = 0; i < FDB_SLOTS; i++) {
		if (f->entry[i].key && f->entry[i].port == port && is_old(&f->entry[i], now_ns)) {
			clear(f, &f->entry[i]);
		}
	}
	return f->learned[port] < most;
}

bool fdb_learn(struct fdb *f, uint64_t key, uint32_t port, uint64_t now_ns)
{
	enum rank rank = f->firm[port] ? FIRM : LEARNED;
	struct fdb_entry *e = find(f, key);

	if (e && e->port == port) {
		e->seen_ns = now_ns;
		return true;
	}
	if (e && !is_old(e, now_ns) && rank_of(f, e) > rank) {
		return false;
	}
	if (!has_room(f, port, now_ns)) {
		return true;
	}
	e = find(f, key);
	if (e) {
		clear(f, e);
	} else {
		e = take_place(f, key, rank, now_ns);
	}
	if (e) {
		*e = (struct fdb_entry){ .key = key, .port = port, .seen_ns = now_ns };
		f->learned[port]++;
	}
	return true;
}

int fdb_find(const struct fdb *f, uint64_t key, uint64_t now_ns)
{
	const struct fdb_entry *e = find(f, key);

	return e && !is_old(e, now_ns) ? (int)e->port : -1;
}

void fdb_forget(struct fdb *f, uint32_t port)
{
	for (unsigned i = 0; i < FDB_SLOTS; i++) {
		if (f->entry[i].key && f->entry[i].port == port) {
			clear(f, &f->entry[i]);
		}
	}
}
